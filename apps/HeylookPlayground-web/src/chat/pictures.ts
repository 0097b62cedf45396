import type { Picture } from "./message";

/** What the server decodes; others are drawn anew as PNG where the browser knows them. */
const KNOWN = new Set(["image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp"]);
/** The longer side, in pixels: vision models look at fewer than that. */
const LONGEST = 2048;
const MOST_BYTES = 4_000_000;

export class NotAPicture extends Error {
  override readonly name = "NotAPicture";
}

/** A file as it is sent: as it is if the server takes it so, else made smaller. */
export async function pictureOf(file: File): Promise<Picture> {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new NotAPicture(`${file.name} is not an image that this browser can read.`);
  });
  try {
    const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
    if (scale === 1 && KNOWN.has(file.type) && file.size <= MOST_BYTES) {
      return { name: file.name, url: await dataUrl(file) };
    }
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const isPhoto = file.type === "image/jpeg" || file.size > MOST_BYTES;
    return { name: file.name, url: canvas.toDataURL(isPhoto ? "image/jpeg" : "image/png", 0.9) };
  } finally {
    bitmap.close();
  }
}

function dataUrl(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(String(reader.result)));
    reader.addEventListener("error", () => reject(reader.error ?? new NotAPicture(`${file.name} cannot be read.`)));
    reader.readAsDataURL(file);
  });
}

/** The images of a paste or a drop. */
export function imageFiles(data: DataTransfer | null): File[] {
  return [...(data?.files ?? [])].filter((file) => file.type.startsWith("image/"));
}
