// alquimista-commands: the API in front of the table of operational commands.

import { create, health, list, remove, show } from "./commands.mjs";

const headers = { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" };
const answer = ([statusCode, document]) => ({
  statusCode,
  headers,
  body: document ? JSON.stringify(document) : "",
});

function body(event) {
  const raw = event.isBase64Encoded ? Buffer.from(event.body ?? "", "base64").toString() : event.body;
  try {
    const found = JSON.parse(raw ?? "");
    return found && typeof found === "object" ? found : {};
  } catch {
    return {};
  }
}

// What it cannot do is thrown: it counts as an error of the function, and API Gateway answers 5xx.
export async function handler(event) {
  const [method, path] = (event.routeKey ?? "GET /commands/health").split(" ");
  if (path === "/commands/health") return answer(await health());
  const tenant = event.headers?.["x-tenant"] ?? event.queryStringParameters?.tenant;
  if (!tenant) return answer([400, { error: "tenant_missing" }]);
  if (method === "POST") return answer(await create({ tenant, body: body(event) }));
  const id = event.pathParameters?.command_id;
  if (!id) return answer(await list({ tenant }));
  return answer(await (method === "DELETE" ? remove : show)({ tenant, id }));
}
