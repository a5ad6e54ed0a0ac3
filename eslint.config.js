import tseslint from "typescript-eslint";

const pure = ["node:*", "ioredis", "bullmq", "@clickhouse/*", "onnxruntime-node", "hono", "chdb", "pino"];

export default tseslint.config(
  { ignores: ["dist/", "node_modules/", ".flyball/"] },
  {
    files: ["**/*.ts", "src/web/**/*.tsx"],
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    plugins: { "@typescript-eslint": tseslint.plugin },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-non-null-assertion": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      eqeqeq: "error",
      "prefer-const": "error",
    },
  },
  {
    files: ["src/core/**/*.ts", "contracts/**/*.ts"],
    rules: {
      "no-restricted-imports": ["error", { patterns: [{ group: pure, message: "the core is pure" }] }],
      "no-restricted-globals": ["error", "process", "console", "fetch", "setTimeout", "setInterval"],
      "no-restricted-properties": [
        "error",
        { object: "Date", property: "now", message: "time is an argument" },
        { object: "Math", property: "random", message: "the seed is an argument" },
      ],
    },
  },
);
