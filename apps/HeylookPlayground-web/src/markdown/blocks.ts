const FENCE = /^ {0,3}(`{3,}|~{3,})/;
/** Lines that may belong to what came before a blank line: indented ones, items of a list, rows, quotes. */
const GOES_ON = /^(\s|[-*+](\s|$)|\d{1,9}([.)](\s|$)|$)|\||>)/;

/**
 * Markdown in pieces that can be rendered one by one, so that a long answer is not parsed anew with each token.
 * The pieces joined are the text.
 */
export function blocks(text: string): string[] {
  const found: string[] = [];
  let start = 0;
  let position = 0;
  let fence: string | null = null;
  let afterBlank = false;
  for (const line of text.split("\n")) {
    const mark = FENCE.exec(line)?.[1];
    if (fence === null) {
      if (afterBlank && line.trim() && !GOES_ON.test(line)) {
        found.push(text.slice(start, position));
        start = position;
      }
      if (mark) fence = mark;
    } else if (mark && mark[0] === fence[0] && mark.length >= fence.length && line.trim() === mark) {
      fence = null;
    }
    afterBlank = fence === null && line.trim() === "";
    position += line.length + 1;
  }
  if (start < text.length) found.push(text.slice(start));
  return found;
}
