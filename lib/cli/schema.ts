// `bal schema`: prints the JSON Schema of the configuration, for editors and checkers.
import type { ExitCode, Io } from './command.ts';

/** Always 0. */
export async function schema(io: Io): Promise<ExitCode> {
  const { jsonSchema } = await import('../../config/json-schema.ts'); // slow to import
  io.out(JSON.stringify(jsonSchema(), null, 2));
  return 0;
}
