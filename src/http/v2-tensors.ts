// Stage room: tensors of the Open Inference Protocol V2, in JSON and in the binary extension, turned into rows of features. One
// tensor a feature, `[N]` or `[N, 1]`. Sizes are checked before anything is allocated; a tensor's values are never echoed.
import type { FieldError, V2Tensor } from "../../contracts/api.ts";

export type Columns =
  | { readonly ok: true; readonly rows: number; readonly columns: ReadonlyMap<string, readonly unknown[]> }
  | { readonly ok: false; readonly errors: readonly FieldError[] };

/** Reads all inputs; `binary` is what follows the JSON header, taken by the tensors in their order. */
export const readTensors = (inputs: readonly V2Tensor[], binary: Uint8Array, rowsMax: number): Columns => {
  const errors: FieldError[] = [];
  const columns = new Map<string, readonly unknown[]>();
  const rows = inputs[0]?.shape[0] ?? 0;
  let offset = 0;
  inputs.forEach((tensor, index) => {
    const at = `inputs.${index}`;
    const [length, width] = tensor.shape;
    if (length !== rows || rows < 1 || rows > rowsMax || (width !== undefined && width !== 1)) {
      errors.push({
        path: `${at}.shape`,
        message: `expected [N, 1], the same N from 1 to ${rowsMax} for every input`,
      });
      return;
    }
    if (columns.has(tensor.name)) errors.push({ path: `${at}.name`, message: "this input is given twice" });
    const size = tensor.parameters?.["binary_data_size"];
    if (size === undefined) {
      const values = tensor.data?.flat() ?? [];
      if (values.length !== rows)
        errors.push({ path: `${at}.data`, message: "expected as many values as the shape says" });
      columns.set(tensor.name, values);
      return;
    }
    if (typeof size !== "number" || !Number.isInteger(size) || size < 0 || offset + size > binary.length) {
      errors.push({
        path: `${at}.parameters.binary_data_size`,
        message: "expected the bytes that follow the header",
      });
      return;
    }
    const values = readBinary(tensor.datatype, binary.subarray(offset, offset + size), rows);
    offset += size;
    if (values === null)
      errors.push({ path: at, message: `the bytes do not hold ${tensor.datatype} values of the shape` });
    else columns.set(tensor.name, values);
  });
  if (errors.length === 0 && offset !== binary.length)
    errors.push({ path: "inputs", message: "more bytes follow the header than the inputs take" });
  return errors.length > 0 ? { ok: false, errors } : { ok: true, rows, columns };
};

const WIDTH = { FP64: 8, FP32: 4, INT64: 8, INT32: 4 } as const;

const readBinary = (datatype: V2Tensor["datatype"], bytes: Uint8Array, rows: number): unknown[] | null => {
  if (datatype === "BYTES") return readStrings(bytes, rows);
  if (bytes.length !== rows * WIDTH[datatype]) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: rows }, (_, row) => {
    switch (datatype) {
      case "FP64":
        return view.getFloat64(row * 8, true);
      case "FP32":
        return view.getFloat32(row * 4, true);
      case "INT64":
        return Number(view.getBigInt64(row * 8, true));
      case "INT32":
        return view.getInt32(row * 4, true);
    }
  });
};

/** BYTES: each string behind its length, four bytes little-endian. */
const readStrings = (bytes: Uint8Array, rows: number): string[] | null => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const decoder = new TextDecoder();
  const strings: string[] = [];
  let at = 0;
  while (at + 4 <= bytes.length && strings.length < rows) {
    const length = view.getUint32(at, true);
    if (at + 4 + length > bytes.length) return null;
    strings.push(decoder.decode(bytes.subarray(at + 4, at + 4 + length)));
    at += 4 + length;
  }
  return at === bytes.length && strings.length === rows ? strings : null;
};
