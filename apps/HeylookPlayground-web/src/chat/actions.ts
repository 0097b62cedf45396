import { changeConversation, isReadable, useConversations } from "./conversations";
import type { Conversation } from "./conversation";
import { newId, type Message, type Picture } from "./message";
import { chatRequest } from "./request";
import { runAnswer } from "./runs";
import { wayTo, withChange, withMessage } from "./tree";

/** What a user does in a conversation. Each adds to its tree, so that nothing is lost by trying again. */

function conversationOf(id: string): Conversation | null {
  const entry = useConversations.getState().opened[id];
  return isReadable(entry) ? entry : null;
}

export function ask(id: string, content: string, pictures: Picture[], parent?: string | null): void {
  const conversation = conversationOf(id);
  if (!conversation) return;
  const question: Message = {
    id: newId(),
    parent: parent === undefined ? conversation.leaf : parent,
    role: "user",
    content,
    createdAt: Date.now(),
    ...(pictures.length ? { pictures } : {}),
  };
  changeConversation(id, (it) => withMessage(it, question));
  answerTo(id, question.id);
}

/** The same question in other words, as a branch beside it. */
export function editQuestion(id: string, question: Message, content: string): void {
  ask(id, content, question.pictures ?? [], question.parent);
}

/** Other words put into the model's mouth, as a branch beside its own. */
export function editAnswer(id: string, answer: Message, content: string): void {
  const { toolCalls: _, metrics: __, failure: ___, reasoning: ____, ...rest } = answer;
  const edited: Message = { ...rest, id: newId(), content, createdAt: Date.now(), state: "complete", finish: null };
  changeConversation(id, (it) => withMessage(it, edited));
}

/** Another answer to the same question. */
export function regenerate(id: string, answer: Message): void {
  answerTo(id, answer.parent);
}

/** What a tool that the model called has found. The model goes on once every call has its result. */
export function giveToolResult(id: string, caller: Message, toolCallId: string, content: string): void {
  const conversation = conversationOf(id);
  if (!conversation) return;
  const result: Message = {
    id: newId(),
    parent: conversation.leaf,
    role: "tool",
    content,
    toolCallId,
    createdAt: Date.now(),
  };
  changeConversation(id, (it) => withMessage(it, result));
  const way = wayTo(conversation, conversation.leaf);
  const answered = new Set(way.filter((it) => it.role === "tool").map((it) => it.toolCallId));
  answered.add(toolCallId);
  if (caller.toolCalls?.every((call) => answered.has(call.id))) answerTo(id, result.id);
}

function answerTo(id: string, parent: string | null): void {
  const conversation = conversationOf(id);
  if (!conversation?.model) return;
  const { model } = conversation;
  const answer: Message = {
    id: newId(),
    parent,
    role: "assistant",
    content: "",
    createdAt: Date.now(),
    model,
    state: "streaming",
  };
  const messages = wayTo(conversation, parent);
  changeConversation(id, (it) => withMessage(it, answer));
  run(id, answer, () => chatRequest({ model, settings: conversation.settings, messages }));
}

/** Goes on with an answer that was stopped or cut off. */
export function continueAnswer(id: string, answer: Message): void {
  const conversation = conversationOf(id);
  if (!conversation?.model) return;
  const { model } = conversation;
  const messages = wayTo(conversation, answer.id);
  changeConversation(id, (it) => withChange(it, answer.id, { state: "streaming", failure: undefined }));
  run(id, answer, () => chatRequest({ model, settings: conversation.settings, messages, continues: true }));
}

function run(id: string, answer: Message, body: () => ReturnType<typeof chatRequest>): void {
  const keep = (change: Partial<Message>) => changeConversation(id, (it) => withChange(it, answer.id, change));
  void runAnswer(
    answer.id,
    body,
    {
      onProgress: ({ content, reasoning, toolCalls }) => keep({ content, reasoning, toolCalls }),
      onEnd: (end) => {
        changeConversation(id, (it) => ({ ...withChange(it, answer.id, end), updatedAt: Date.now() }));
      },
    },
    { content: answer.content, reasoning: answer.reasoning },
  );
}
