// Adapter: e-mail over SMTP (nodemailer). TLS is demanded unless the server was allowed by host and port; the message id is the alert's, so
// that a message sent twice is one message to a mailbox. It never reads a file or a URL for content.
import { createTransport } from "nodemailer";
import { Fault } from "../core/fault.ts";

const TIMEOUT_MS = 10_000;

export interface Mailer {
  send(mail: { id: string; subject: string; text: string }): Promise<void>;
  close(): void;
}

/** Makes a mailer from `smtp://` or `smtps://`; `allow` lists `host:port` that may speak without TLS. */
export const createMailer = (
  by: { readonly server: string; readonly from: string; readonly to: readonly string[] },
  allow: readonly string[],
): Mailer => {
  if (!URL.canParse(by.server) || !/^smtps?:$/.test(new URL(by.server).protocol))
    throw new Fault("poison", "an e-mail channel's server is smtp://… or smtps://…");
  const url = new URL(by.server);
  const secure = url.protocol === "smtps:";
  const port = Number(url.port === "" ? (secure ? 465 : 587) : url.port);
  const user = decodeURIComponent(url.username);
  const plain = allow.includes(`${url.hostname}:${port}`);
  const transport = createTransport({
    host: url.hostname,
    port,
    secure,
    requireTLS: !secure && !plain,
    ...(user === "" ? {} : { auth: { user, pass: decodeURIComponent(url.password) } }),
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    send: async ({ id, subject, text }) => {
      try {
        await transport.sendMail({
          from: by.from,
          to: [...by.to],
          subject,
          text,
          messageId: `<${id}@flyball>`,
          headers: { "auto-submitted": "auto-generated" },
        });
      } catch (cause) {
        const code = replyOf(cause);
        // 5xx is the server's last word; anything else may pass.
        throw new Fault(
          code >= 500 && code < 600 ? "poison" : "transient",
          `${url.hostname}:${port} took no mail`,
          {
            cause,
            code: String(code),
          },
        );
      }
    },
    close: () => transport.close(),
  };
};

const replyOf = (cause: unknown): number => {
  const code: unknown = cause instanceof Error ? Reflect.get(cause, "responseCode") : undefined;
  return typeof code === "number" ? code : 0;
};
