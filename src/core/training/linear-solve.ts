// Core, training: solves a symmetric positive definite system by Cholesky factorisation, in place and deterministically.
// Answers null where the matrix is not positive definite; never regularises on its own.

/** Solves A·x = b; `matrix` holds A's lower triangle row by row (n × n) and is overwritten by its factor. */
export const solvePositive = (matrix: Float64Array, b: Float64Array): Float64Array | null => {
  const n = b.length;
  if (!factorise(matrix, n)) return null;
  const x = Float64Array.from(b);
  for (let i = 0; i < n; i++) {
    let sum = x[i] ?? 0;
    for (let k = 0; k < i; k++) sum -= (matrix[i * n + k] ?? 0) * (x[k] ?? 0);
    x[i] = sum / (matrix[i * n + i] ?? NaN);
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = x[i] ?? 0;
    for (let k = i + 1; k < n; k++) sum -= (matrix[k * n + i] ?? 0) * (x[k] ?? 0);
    x[i] = sum / (matrix[i * n + i] ?? NaN);
  }
  return x;
};

const factorise = (matrix: Float64Array, n: number): boolean => {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * n + j] ?? 0;
      for (let k = 0; k < j; k++) sum -= (matrix[i * n + k] ?? 0) * (matrix[j * n + k] ?? 0);
      if (i !== j) matrix[i * n + j] = sum / (matrix[j * n + j] ?? NaN);
      else if (sum > 0) matrix[i * n + i] = Math.sqrt(sum);
      else return false;
    }
  }
  return true;
};
