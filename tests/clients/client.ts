// A client as it is written with the types that are generated from docs/api.yaml. It is compiled, never run: what does not
// hold of the types (a name, null, an enum, a member that is always there) does not compile.
import type { components, operations } from "./api";

type Schemas = components["schemas"];
type Created = operations["createJob"]["responses"][201]["content"]["application/json"];
type Refusal = operations["createJob"]["responses"]["default"]["content"]["application/json"];

export const wanted: operations["createJob"]["requestBody"]["content"]["application/json"] = {
  name: "nightly",
  priority: "low",
  files: [{ url: "https://example.com/a.iso", ranges: [[0, 10], [20, null]] }],
};

export function progress(job: Created): string {
  // Each of these is always there, and only some can be null.
  const done: number = job.files_done;
  const size: number | null = job.size;
  const files: Schemas["File"][] = job.files ?? [];
  const bad = files.filter((file) => file.verdict === "not_valid").map((file) => file.verdict_reason);
  if (job.error !== null) return `${job.error.code}: ${job.error.message} ${job.error.retry_after_s ?? 0}`;
  return `${done} of ${job.files_total} files, ${job.bytes} of ${size ?? "?"} bytes, ${bad.join(", ")}`;
}

// One state more in the document, and this does not compile.
export function isOver(state: Schemas["Job"]["state"]): boolean {
  switch (state) {
    case "transferred":
    case "error":
    case "acknowledged":
    case "cancelled":
      return true;
    case "suspended":
    case "queued":
    case "connecting":
    case "transferring":
    case "validating":
    case "transient_error":
      return false;
  }
}

export function refused(answer: Refusal): boolean {
  return answer.error.code === "limit_exceeded";
}

export type Calls = {
  [name in keyof operations]: (options: operations[name]["parameters"]) => Promise<operations[name]["responses"]>;
};

export async function everything(call: Calls): Promise<void> {
  await call.getStatus({});
  await call.getJob({ path: { id: "a1" }, query: { files: "0" } });
  await call.giveVerdict({ path: { id: "a1", index: 0 } });
  await call.listRecords({ query: { limit: "10" } });
  await call.getGroup({});
  await call.revokeAgent({});
}

// What the types have to refuse; an error that does not come is an error.
declare const job: Schemas["Job"];
// @ts-expect-error: the size may not be known
export const size: number = job.size;
// @ts-expect-error: there may be no error
export const code: string = job.error.code;
// @ts-expect-error: no such verdict
export const verdict: Schemas["File"]["verdict"] = "perhaps";
// @ts-expect-error: members are missing
export const figures: Schemas["Figures"] = { origin: 1 };
// @ts-expect-error: no such priority
wanted.priority = "highest";
// @ts-expect-error: a file has a URL
wanted.files = [{}];
