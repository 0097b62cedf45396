import { Component, type ReactNode } from "react";
import { Button, EmptyState } from "@/components";

/** Keeps the rest of the page alive when a part of it fails to render or to load. */
export class Boundary extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <EmptyState title="This page cannot be shown" action={<Button onClick={() => location.reload()}>Reload</Button>}>
        {error.message}
      </EmptyState>
    );
  }
}
