import { memo } from "react";
import { AssistantMessage } from "./AssistantMessage";
import { ToolResult } from "./ToolResult";
import { UserMessage } from "./UserMessage";
import type { Conversation } from "@/chat/conversation";
import type { Message } from "@/chat/message";

interface MessageViewProps {
  conversation: Conversation;
  message: Message;
  isLast: boolean;
}

export const MessageView = memo(function MessageView({ conversation, message, isLast }: MessageViewProps) {
  if (message.role === "user") return <UserMessage conversation={conversation} message={message} />;
  if (message.role === "tool") return <ToolResult conversation={conversation} message={message} />;
  return <AssistantMessage conversation={conversation} message={message} isLast={isLast} />;
});
