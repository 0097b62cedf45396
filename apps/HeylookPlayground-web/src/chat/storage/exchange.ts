import type { Conversation } from "../conversation";
import { DamagedRecord, readConversation } from "./reading";

const FORMAT = "heylook-conversations";
const VERSION = 1;

/** The text of a file with conversations. */
export function exported(conversations: Conversation[]): string {
  return JSON.stringify({ format: FORMAT, version: VERSION, conversations }, null, 2);
}

/** The conversations of a file. Raises DamagedRecord, and takes all or nothing. */
export function imported(text: string): Conversation[] {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    throw new DamagedRecord("The file is not JSON.");
  }
  const { format, version, conversations } = Object(file) as Record<string, unknown>;
  if (format !== FORMAT) throw new DamagedRecord("The file was not exported by the playground.");
  if (version !== VERSION) throw new DamagedRecord(`The file has version ${String(version)}, known is ${VERSION}.`);
  if (!Array.isArray(conversations)) throw new DamagedRecord("The file has no list of conversations.");
  return conversations.map((it, index) => {
    try {
      return readConversation(it);
    } catch (error) {
      throw new DamagedRecord(`Conversation ${index + 1}: ${error instanceof Error ? error.message : String(error)}`);
    }
  });
}
