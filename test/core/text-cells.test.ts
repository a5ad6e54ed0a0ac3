import { expect, test } from "vitest";
import { numberInText, timeInText } from "../../src/core/text-cells.ts";

const number = (text: string) => {
  const bytes = new TextEncoder().encode(`x${text}y`);
  return numberInText(bytes, 1, bytes.length - 1);
};

test.each([
  "0",
  "-0.5",
  "+7",
  "3.14159",
  ".5",
  "5.",
  "007",
  "1e5",
  "1E-7",
  "123456789012345678",
  "0.1",
  "1e-400",
  "1e400",
])("%s reads as the language reads it", (text) => expect(number(text)).toBe(Number(text)));

test("fifteen digits with any point are exact", () => {
  for (let point = 0; point <= 15; point++) {
    const digits = "987654321098765";
    const text = `${digits.slice(0, point)}.${digits.slice(point)}`;
    expect(number(text)).toBe(Number(text));
  }
});

test.each(["", " 1", "1 ", "1,000", "0x10", "NaN", "Infinity", "1e", "--1", "1.2.3", ".", "-", "١"])(
  "TC-72 %j is no number",
  (text) => expect(number(text)).toBeNaN(),
);

test.each([
  ["2001-01-31", "2001-01-31T00:00:00.000Z"],
  ["2001-01-31 23:59:00", "2001-01-31T23:59:00.000Z"],
  ["2001-01-31T23:59Z", "2001-01-31T23:59:00.000Z"],
  ["2001-01-31T23:59:00.123", "2001-01-31T23:59:00.123Z"],
  ["2001-01-31T01:30:00+02:00", "2001-01-30T23:30:00.000Z"],
  ["2000-02-29", "2000-02-29T00:00:00.000Z"],
])("TC-45 %s is UTC", (text, iso) => expect(timeInText(text)).toBe(Date.parse(iso) * 1000));

test("microseconds are kept", () => {
  expect(timeInText("2001-01-01 00:00:00.000001")).toBe(978307200000001);
});

test.each([
  "2001-02-30",
  "2001-13-01",
  "2001-02-29",
  "2001-01-01 24:00:00",
  "2001-01-01 12:60",
  "2001-01-01T00:00:00+00:00Z", // TC-67
  "01/02/2001",
  "2001-1-1",
  "978307200",
  "1899-12-31",
  "2001-01-01T00:00:00.1234567",
  "2001-01-01T00:00:00+15:00",
  "",
])("TC-67 %j is no time", (text) => expect(timeInText(text)).toBeNull());
