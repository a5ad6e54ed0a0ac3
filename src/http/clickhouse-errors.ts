// http/clickhouse-errors: ClickHouse's errors as its HTTP interface writes them: the body, the code header's number and
// the status that goes with the code. It classifies by number only.
import { EngineError } from "../core/sql-engine.ts";

/** Codes this gateway raises itself; numbers and names are ClickHouse's. */
export const CODES = {
  SYNTAX_ERROR: 62,
  BAD_ARGUMENTS: 36,
  NOT_IMPLEMENTED: 48,
  UNKNOWN_FORMAT: 73,
  UNKNOWN_SETTING: 115,
  QUERY_IS_TOO_LARGE: 162,
  READONLY: 164,
  REQUIRED_PASSWORD: 194,
  UNKNOWN_QUERY_PARAMETER: 456,
  ACCESS_DENIED: 497,
  AUTHENTICATION_FAILED: 516,
} as const;

/** Raises one of the gateway's own errors. */
export function refuse(name: keyof typeof CODES, message: string): never {
  throw new EngineError(CODES[name], `Code: ${CODES[name]}. DB::Exception: ${message}. (${name})`);
}

/** What the server would answer to `error`: status, code and the text of the body. */
export function errorAnswer(error: unknown, version: string): { status: number; code: number; body: string } {
  if (!(error instanceof EngineError)) {
    const said = error instanceof Error ? error.message : String(error);
    const body = `Code: 1001. DB::Exception: ${said}. (STD_EXCEPTION)`;
    return { status: 500, code: 1001, body: signed(body, version) };
  }
  return { status: statusOf(error.code), code: error.code, body: signed(error.message, version) };
}

/** The engine leaves the version off the outermost message; clients and people expect it there. */
const signed = (message: string, version: string): string =>
  /\(version [^)]*\)+\s*$/.test(message)
    ? `${message.trimEnd()}\n`
    : `${message.trimEnd()} (version ${version})\n`;

// Source: ClickHouse, src/Server/HTTP/exceptionCodeToHTTPStatus.cpp.
const STATUSES: readonly (readonly [status: number, codes: readonly number[]])[] = [
  [401, [CODES.REQUIRED_PASSWORD]],
  [403, [192, 193, 291, CODES.READONLY, CODES.ACCESS_DENIED, CODES.AUTHENTICATION_FAILED]],
  [
    400,
    [
      6, 26, 27, 28, 38, 41, 43, 36, 53, 62, 69, 70, 72, 117, 131, 130, 43, 42, 44, 68, 80, 158, 190, 215,
      131, 321, 349, 395, 456, 457,
    ],
  ],
  [404, [46, 47, 50, 56, 60, 63, 73, 75, 81, 115, 128, 336, 511]],
  [408, [159]],
  [413, [CODES.QUERY_IS_TOO_LARGE]],
  [501, [CODES.NOT_IMPLEMENTED]],
  [503, [202, 209, 252, 439]],
];

function statusOf(code: number): number {
  return STATUSES.find(([, codes]) => codes.includes(code))?.[0] ?? 500;
}
