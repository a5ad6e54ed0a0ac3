// Core: a fast yes to the question whether data already is a word, read from the word's own zod schema. It copies nothing, which is
// what a parse spends its time on. "No" only means "ask zod", who then says what is wrong; a kind of schema that is not known here
// never gets a yes. Never changes, completes or strips what it looks at.
import { z } from "zod";

type Test = (value: unknown) => boolean;

/** Builds the test of a schema: where it says yes, a parse would succeed and give an equal value. */
export const quickTest = <S extends z.ZodType>(schema: S): ((value: unknown) => value is z.output<S>) => {
  const test = testOf(schema);
  return (value): value is z.output<S> => test(value);
};

const testOf = (schema: unknown): Test => {
  if (!(schema instanceof z.ZodType) || (schema.def.checks ?? []).length > 0) return () => false;
  if (schema instanceof z.ZodNullable) return orElse(null, testOf(schema.unwrap()));
  if (schema instanceof z.ZodOptional) return orElse(undefined, testOf(schema.unwrap()));
  if (schema instanceof z.ZodString) return (value) => typeof value === "string";
  if (schema instanceof z.ZodBoolean) return (value) => typeof value === "boolean";
  if (schema instanceof z.ZodNumber && schema.format === "safeint") return Number.isSafeInteger;
  if (schema instanceof z.ZodNumber && schema.format === null) return Number.isFinite;
  if (schema instanceof z.ZodLiteral) return memberOf([...schema.values]);
  if (schema instanceof z.ZodEnum) return memberOf(schema.options);
  if (schema instanceof z.ZodArray) return listOf(testOf(schema.element));
  if (schema instanceof z.ZodTuple && schema.def.rest === null) return rowOf(schema.def.items.map(testOf));
  if (schema instanceof z.ZodRecord && schema.keyType instanceof z.ZodString)
    return mapOf(testOf(schema.keyType), testOf(schema.valueType));
  if (schema instanceof z.ZodObject && schema.def.catchall instanceof z.ZodNever)
    return fieldsOf(schema.shape);
  return () => false;
};

const orElse =
  (other: null | undefined, test: Test): Test =>
  (value) =>
    value === other || test(value);

const memberOf =
  (members: readonly unknown[]): Test =>
  (value) =>
    members.includes(value);

const listOf =
  (test: Test): Test =>
  (value) => {
    if (!Array.isArray(value)) return false;
    for (let index = 0; index < value.length; index++) if (!test(value[index])) return false;
    return true;
  };

const rowOf =
  (tests: readonly Test[]): Test =>
  (value) =>
    Array.isArray(value) && value.length === tests.length && tests.every((test, index) => test(value[index]));

const mapOf =
  (isKey: Test, test: Test): Test =>
  (value) =>
    isRecord(value) &&
    Object.keys(value).every((key) => key !== "__proto__" && isKey(key) && test(value[key]));

/** Every declared field and no other; one that may be absent is tested as undefined. */
const fieldsOf = (shape: Readonly<Record<string, unknown>>): Test => {
  const keys = Object.keys(shape);
  const tests = keys.map((key) => testOf(shape[key]));
  const needed = keys.map((key) => !(shape[key] instanceof z.ZodOptional));
  return (value) => {
    if (!isRecord(value)) return false;
    let absent = 0;
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at] ?? "";
      const field = value[key];
      if (tests[at]?.(field) !== true) return false;
      if (field === undefined && !(key in value)) {
        if (needed[at] === true) return false;
        absent++;
      }
    }
    let present = 0;
    for (const _ in value) present++;
    return present === keys.length - absent;
  };
};

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
