import { create } from "zustand";
import { noSettings, type ChatSettings } from "@/chat/chatSettings";
import { newId, type Message, type Picture } from "@/chat/message";
import { chatRequest } from "@/chat/request";
import { runAnswer, stopRun } from "@/chat/runs";

export interface Column {
  id: string;
  model: string | null;
}

/** A question and what each column answered. */
export interface Round {
  id: string;
  question: string;
  pictures: Picture[];
  answers: Record<string, Message>;
}

interface CompareState {
  columns: Column[];
  rounds: Round[];
  settings: ChatSettings;
}

export const MOST_COLUMNS = 4;
export const FEWEST_COLUMNS = 2;

export const useCompare = create<CompareState>()(() => ({
  columns: [
    { id: "first", model: null },
    { id: "second", model: null },
  ],
  rounds: [],
  settings: noSettings(),
}));

const { getState, setState } = useCompare;

export function chooseModel(column: string, model: string): void {
  setState(({ columns }) => ({ columns: columns.map((it) => (it.id === column ? { ...it, model } : it)) }));
}

export function addColumn(): void {
  setState(({ columns }) => ({ columns: [...columns, { id: newId(), model: null }].slice(0, MOST_COLUMNS) }));
}

export function removeColumn(column: string): void {
  for (const round of getState().rounds) stopRun(round.answers[column]?.id ?? "");
  setState(({ columns }) => ({ columns: columns.filter((it) => it.id !== column) }));
}

export function changeSettings(settings: ChatSettings): void {
  setState({ settings });
}

export function stopAll(): void {
  for (const round of getState().rounds) for (const answer of Object.values(round.answers)) stopRun(answer.id);
}

export function clear(): void {
  stopAll();
  setState({ rounds: [] });
}

/** The messages of one column. Rounds that it did not answer are left out, so that the others' can be compared. */
export function history(rounds: Round[], column: string): Message[] {
  return rounds.flatMap((round) => {
    const answer = round.answers[column];
    return answer?.content ? [questionOf(round), answer] : [];
  });
}

function questionOf({ id, question, pictures }: Round): Message {
  return { id, parent: null, role: "user", content: question, createdAt: 0, pictures };
}

/** Puts the question to every column at the same moment. */
export function askAll(question: string, pictures: Picture[], models: Record<string, string>): void {
  const { rounds, settings } = getState();
  const answers: Record<string, Message> = {};
  for (const [column, model] of Object.entries(models)) {
    answers[column] = {
      id: newId(),
      parent: null,
      role: "assistant",
      content: "",
      createdAt: Date.now(),
      model,
      state: "streaming",
    };
  }
  const round: Round = { id: newId(), question, pictures, answers };
  setState({ rounds: [...rounds, round] });
  for (const [column, answer] of Object.entries(answers)) {
    const messages = [...history(rounds, column), questionOf(round)];
    const body = () => chatRequest({ model: answer.model ?? "", settings, messages });
    void runAnswer(answer.id, body, { onEnd: (end) => keep(round.id, column, end) });
  }
}

function keep(roundId: string, column: string, change: Partial<Message>): void {
  setState(({ rounds }) => ({
    rounds: rounds.map((round) => {
      const answer = round.answers[column];
      if (round.id !== roundId || !answer) return round;
      return { ...round, answers: { ...round.answers, [column]: { ...answer, ...change } } };
    }),
  }));
}
