// Web: something read from the api and shown: loading, failed, empty, fresh or old. What is on the screen stays while it is read again, and
// says so when that fails; nothing flickers.
import { useEffect, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { news, read } from "./api.ts";

export interface Resource<T> {
  readonly value: T | null;
  readonly error: string | null;
  readonly loading: boolean;
}

/** Reads a route, and again when it changes, when news come, and every so often where asked. A null path reads nothing. */
export const useRead = <T,>(path: string | null, everyMs: number | null = null): Resource<T> => {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (everyMs === null) return undefined;
    // A page nobody looks at asks for nothing.
    const again = (): void =>
      void (document.visibilityState === "visible" && setTurn((before) => before + 1));
    const timer = setInterval(again, everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  const [state, setState] = useState<Resource<T> & { path: string | null }>({ ...NOTHING, path });
  const heard = news.value;
  useEffect(() => {
    if (path === null) return undefined;
    const abort = new AbortController();
    setState((before) => ({ ...(before.path === path ? before : NOTHING), path, loading: true }));
    read<T>(path, abort.signal).then(
      (value) => setState({ value, error: null, loading: false, path }),
      (cause: unknown) => {
        if (abort.signal.aborted) return;
        const error = cause instanceof Error ? cause.message : String(cause);
        setState((before) => ({ ...before, error, loading: false }));
      },
    );
    return () => abort.abort();
  }, [path, heard, turn]);
  return state.path === path ? state : { ...NOTHING, loading: true };
};

const NOTHING = { value: null, error: null, loading: false };

/** Shows a resource in whichever state it is. */
export const Show = <T,>(props: {
  of: Resource<T>;
  empty?: { when: (value: T) => boolean; say: string };
  children: (value: T) => ComponentChildren;
}) => {
  const { value, error, loading } = props.of;
  if (value === null)
    return error === null ? (
      <div class="skeleton" role="status" aria-label="Loading">
        <i />
        <i />
        <i />
      </div>
    ) : (
      <p class="notice bad" role="alert">
        Could not be read: {error}
      </p>
    );
  return (
    <div aria-busy={loading}>
      {error !== null && (
        <p class="notice warn" role="status">
          This is what was last read; reading again failed: {error}
        </p>
      )}
      {props.empty?.when(value) === true ? <p class="empty">{props.empty.say}</p> : props.children(value)}
    </div>
  );
};
