/** Requests to the server's JSON API. */

const token = document.querySelector("meta[name=midiprism-token]")?.content ?? "";

/** What the server says is wrong, with a place in the query where it knows one. */
export class ApiError extends Error {
  constructor(status, { message, hint = null, start = null, end = null }) {
    super(message);
    Object.assign(this, { status, hint, start, end });
  }
}

/** Return the path of a request with its parameters; those that are null are left out. */
export function url(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined) query.set(name, value);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { message: "The server does not answer: is midiprism serve still running?" });
  }
  if (!response.ok) throw new ApiError(response.status, await errorOf(response));
  return response;
}

async function errorOf(response) {
  try {
    return (await response.json()).error;
  } catch {
    return { message: `The server answered ${response.status}.` };
  }
}

/** Return the JSON of a path. */
export async function getJson(path, parameters = {}, signal = undefined) {
  const response = await request(url(path, parameters), { signal });
  return response.json();
}

/** Return the answer that the server has put into the page for its own address; null from the second time on. */
export function takeFirstAnswer() {
  const holder = document.getElementById("first-answer");
  holder?.remove();
  return holder && JSON.parse(holder.textContent);
}

const PENDING_MS = 400;

/**
 * Return the JSON of a path that may have to wait for the server: it is asked again until it answers, and
 * `onPending({seen, total, seconds})` is called each time that it does not.
 */
export async function getWhenMade(path, parameters = {}, signal = undefined, onPending = () => {}) {
  for (;;) {
    const answer = await getJson(path, parameters, signal);
    if (!answer.pending) return answer;
    onPending(answer.pending);
    await new Promise((resolve) => setTimeout(resolve, PENDING_MS));
  }
}

/** Return the bytes of a path. */
export async function getBytes(path, parameters = {}, signal = undefined) {
  return (await request(url(path, parameters), { signal })).arrayBuffer();
}

/** Send a change, with the token that the server asks for, and return its JSON. */
export async function send(method, path, body = undefined) {
  const response = await request(path, {
    method,
    headers: { "Content-Type": "application/json", "X-Midiprism-Token": token },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return response.status === 204 ? null : response.json();
}
