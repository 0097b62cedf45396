import { useRef } from "react";
import type { CatalogueModel } from "@/client/models";
import { IconButton } from "@/components";

interface AttachButtonProps {
  model: CatalogueModel | undefined;
  /** Null: not known before the model is loaded. */
  sees: boolean | null;
  onFiles: (files: File[]) => void;
}

export function AttachButton({ model, sees, onFiles }: AttachButtonProps) {
  const input = useRef<HTMLInputElement>(null);
  const refused = sees === false;
  return (
    <>
      <IconButton
        icon="image"
        label={refused ? `${model?.id} does not see images` : "Attach images"}
        disabled={refused || !model}
        onClick={() => input.current?.click()}
      />
      <input
        ref={input}
        type="file"
        accept="image/*"
        multiple
        hidden
        aria-label="Images"
        onChange={({ target }) => {
          onFiles([...(target.files ?? [])]);
          target.value = "";
        }}
      />
    </>
  );
}
