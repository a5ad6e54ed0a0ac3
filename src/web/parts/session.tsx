// Web: who looks: the form that proves a key once, and the way out. The key is sent and forgotten; a refusal is told in the api's words.
import { useState } from "preact/hooks";
import { session, signIn, signOut } from "../api.ts";

/** Asks for a key. */
export const KeyForm = () => {
  const [key, setKey] = useState("");
  const [refusal, setRefusal] = useState<string | null>(null);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    setRefusal(null);
    signIn(key.trim()).catch((cause: unknown) => {
      setKey("");
      setRefusal(cause instanceof Error ? cause.message : String(cause));
    });
  };
  return (
    <form class="card" onSubmit={submit}>
      <h1 tabIndex={-1}>A key, please</h1>
      <p>
        This api asks for a key. It is proved once; a session of twelve hours at most stands for it until you
        sign out.
      </p>
      <label>
        Key
        <input
          type="password"
          autocomplete="off"
          placeholder="fb_…"
          required
          value={key}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
      </label>
      {refusal !== null && (
        <p class="notice bad" role="alert">
          {refusal}
        </p>
      )}
      <button type="submit" class="primary">
        Sign in
      </button>
    </form>
  );
};

/** Whose session it is, and the button that ends it; nothing where the api asks for no keys. */
export const Who = () => {
  const [failed, setFailed] = useState(false);
  const { actor } = session.value;
  if (actor === null) return null;
  return (
    <p class="who">
      <span title={`Roles: ${session.value.roles.join(", ")}`}>{actor}</span>
      <button type="button" onClick={() => void signOut().catch(() => setFailed(true))}>
        {failed ? "Sign out (failed, again)" : "Sign out"}
      </button>
    </p>
  );
};
