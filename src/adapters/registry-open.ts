// Plumbing: the registry a configuration asks for: under the home folder, or in an S3-compatible store. It opens no connection; a
// store that is away is told by the first call that needs it.
import { ConfigError, type Config } from "./config.ts";
import { createRegistry, createRegistryOn, type Registry } from "./registry.ts";
import { createS3Shelf } from "./registry-s3.ts";
import { createS3 } from "./s3.ts";
import type { S3Credentials } from "./s3-signature.ts";

/** Opens the registry; the store's credentials come from the environment, as every S3 tool takes them. */
export const openRegistry = (
  config: Pick<Config, "home" | "service">,
  env: NodeJS.ProcessEnv = process.env,
): Registry => {
  const { s3 } = config.service.registry;
  if (s3 === null) return createRegistry(config.home);
  const store = createS3(s3, { credentials: credentialsIn(env), now: Date.now });
  return createRegistryOn(createS3Shelf(store, s3.prefix));
};

const credentialsIn = (env: NodeJS.ProcessEnv): S3Credentials => {
  const required = (name: string): string => {
    const value = env[name] ?? "";
    if (value === "") throw new ConfigError(`registry.s3 is set but ${name} is not`);
    return value;
  };
  return {
    accessKeyId: required("AWS_ACCESS_KEY_ID"),
    secretAccessKey: required("AWS_SECRET_ACCESS_KEY"),
    sessionToken: env["AWS_SESSION_TOKEN"] ?? null,
  };
};
