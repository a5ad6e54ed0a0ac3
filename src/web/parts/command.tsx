// Web: the form of one operator's command: which version, why, until when. It is sent with the generation that was on the screen; the answer
// says that it is written down, then the form waits for how it ends.
import { useEffect, useRef, useState } from "preact/hooks";
import type { CommandItem } from "../../../contracts/read.ts";
import type { CommandName } from "../../../contracts/governance.ts";
import { ApiError, news, read, send } from "../api.ts";
import { words } from "./format.ts";

export interface Asked {
  readonly command: CommandName;
  /** What it does, in a sentence. */
  readonly what: string;
  /** Versions it can be about; none: it is about the model. */
  readonly choices: readonly string[];
  readonly generation: number;
}

type Stage =
  | { readonly at: "asking"; readonly refused: string | null }
  | { readonly at: "waiting" }
  | { readonly at: "ended"; readonly good: boolean; readonly text: string };

const LOOK_EVERY_MS = 400;
const WAIT_MS_MAX = 30_000;
const EXPIRES: ReadonlySet<CommandName> = new Set(["promote", "approve", "freeze"]);

/** The form, as a dialog. */
export const Command = (props: { model: string; asked: Asked; onEnd: () => void }) => {
  const { model, asked, onEnd } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const [stage, setStage] = useState<Stage>({ at: "asking", refused: null });
  const [version, setVersion] = useState(asked.choices[0] ?? "");
  const [reason, setReason] = useState("");
  const [expires, setExpires] = useState("");
  useEffect(() => dialog.current?.showModal(), []);
  const close = (): void => {
    news.value += 1;
    onEnd();
  };
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    setStage({ at: "waiting" });
    const body = {
      reason,
      generation: asked.generation,
      ...(asked.choices.length === 0 || asked.command === "rollback" ? {} : { version }),
      ...(expires === "" ? {} : { expires_at: new Date(`${expires}Z`).toISOString() }),
    };
    give(model, asked.command, body).then(setStage, (cause: unknown) => setStage(refusalOf(cause)));
  };
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="command-title">
      <h2 id="command-title">
        {words(asked.command)} {model}
      </h2>
      <p>{asked.what}</p>
      {stage.at === "ended" ? (
        <>
          <p class={`notice ${stage.good ? "good" : "bad"}`} role="status">
            {stage.text}
          </p>
          <div class="actions">
            <button type="button" class="primary" onClick={() => dialog.current?.close()}>
              Close
            </button>
          </div>
        </>
      ) : (
        <form onSubmit={submit}>
          {asked.choices.length > 0 && asked.command !== "rollback" && (
            <label>
              Version
              <select value={version} onChange={(event) => setVersion(event.currentTarget.value)}>
                {asked.choices.map((choice) => (
                  <option key={choice}>{choice}</option>
                ))}
              </select>
            </label>
          )}
          <label>
            Reason, kept in the audit log
            <textarea
              required
              maxLength={2000}
              rows={3}
              value={reason}
              onInput={(event) => setReason(event.currentTarget.value)}
            />
          </label>
          {EXPIRES.has(asked.command) && (
            <label>
              Until (UTC, optional)
              <input
                type="datetime-local"
                value={expires}
                onInput={(event) => setExpires(event.currentTarget.value)}
              />
            </label>
          )}
          {stage.at === "asking" && stage.refused !== null && (
            <p class="notice bad" role="alert">
              {stage.refused}
            </p>
          )}
          <div class="actions">
            <button type="submit" class="primary" disabled={stage.at === "waiting" || reason.trim() === ""}>
              {stage.at === "waiting" ? "Waiting for the outcome …" : words(asked.command)}
            </button>
            <button type="button" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
          </div>
        </form>
      )}
    </dialog>
  );
};

const give = async (model: string, command: CommandName, body: object): Promise<Stage> => {
  const base = `governance/${encodeURIComponent(model)}`;
  const { command_id } = await send<{ command_id: string }>(`${base}/${command}`, body);
  const end = performance.now() + WAIT_MS_MAX;
  for (;;) {
    const item = await read<CommandItem>(`${base}/commands/${command_id}`);
    if (item.status !== "pending")
      return { at: "ended", good: item.status === "done", text: `${words(item.status)}: ${item.detail}` };
    if (performance.now() > end)
      return {
        at: "ended",
        good: true,
        text: "It is written down and waits: for an approval, or for a worker to carry it out.",
      };
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
};

const refusalOf = (cause: unknown): Stage => {
  if (cause instanceof ApiError && cause.status === 409) {
    news.value += 1;
    return {
      at: "ended",
      good: false,
      text: "The ledger moved while you decided. Look at the page again, then repeat the command.",
    };
  }
  return { at: "asking", refused: cause instanceof Error ? cause.message : String(cause) };
};
