/** Changes queries as text: a facet that is chosen is a term in the box, and nothing is hidden from who types. */

/** Return the terms of a query and the commas between its groups, each with its place. */
export function tokenize(query) {
  const tokens = [];
  const pattern = /(?:"(?:\\.|[^"\\])*"?|[^\s"])+/gu;
  for (const { 0: text, index } of query.matchAll(pattern)) {
    const lead = /^,+/u.exec(text)?.[0].length ?? 0;
    const tail = lead === text.length ? 0 : (/,+$/u.exec(text)?.[0].length ?? 0);
    if (lead) tokens.push({ text: ",", start: index, end: index + lead, isComma: true });
    if (lead < text.length) {
      tokens.push({
        text: text.slice(lead, text.length - tail),
        start: index + lead,
        end: index + text.length - tail,
        isComma: false,
      });
    }
    if (tail)
      tokens.push({ text: ",", start: index + text.length - tail, end: index + text.length, isComma: true });
  }
  return tokens;
}

const ALIASES = { dominant_tempo: "bpm", time_signature: "meter", note_count: "notes" };

/** Return the field of a term in lower case, without its sign; null of a word. */
export function fieldOf(term) {
  const name = /^[-^]?([A-Za-z_-]+):/u.exec(term)?.[1].toLowerCase().replaceAll("-", "_");
  return name ? (ALIASES[name] ?? name) : null;
}

const isNegated = (term) => /^[-^]/u.test(term);

/** Return the groups of a query as lists of terms. */
function groupsOf(query) {
  const groups = [[]];
  for (const token of tokenize(query)) {
    if (token.isComma) groups.push([]);
    else groups.at(-1).push(token.text);
  }
  return groups.filter((group, index) => group.length || index === 0);
}

const joined = (groups) =>
  groups
    .map((group) => group.join(" "))
    .filter(Boolean)
    .join(" , ");

/** Return the parts of a term between commas outside of quotes. */
const piecesOf = (term) => term.match(/(?:"(?:\\.|[^"\\])*"?|[^,"])+/gu) ?? [];

const concerns = (term, field) => {
  const name = fieldOf(term);
  if (name === "has") return term.slice(term.indexOf(":") + 1) === field;
  return name === field || (field.startsWith("length_") && name === "length");
};

/** Return whether a query has terms of a field. */
export const hasField = (query, field) =>
  groupsOf(query).some((group) => group.some((term) => concerns(term, field)));

/** Return how a piece of a term is compared: with its field, without signs of exactness, quotes and case. */
function compared(piece, field) {
  const text = fieldOf(piece) ? piece : `${field}:${piece}`;
  const value = text
    .slice(text.indexOf(":") + 1)
    .replace(/^=/u, "")
    .replace(/^"(.*)"$/u, "$1");
  return `${fieldOf(text)}:${value}`.toLowerCase();
}

/** Return whether a piece of a term says the same as another term. */
const says = (piece, term, other) => compared(piece, fieldOf(term)) === compared(other, fieldOf(other));

/** Return whether each group of a query has a term, or one of which it is a piece. */
export function hasTerm(query, term) {
  return groupsOf(query).every((group) =>
    group.some(
      (one) =>
        one === term ||
        (!isNegated(one) && !isNegated(term) && piecesOf(one).some((piece) => says(piece, one, term))),
    ),
  );
}

/** Return a query without the terms of a field. */
export function withoutField(query, field) {
  return joined(groupsOf(query).map((group) => group.filter((term) => !concerns(term, field))));
}

/** Return a query in which a term replaces all others of its field. */
export function withOnly(query, field, term) {
  const groups = groupsOf(query).map((group) => group.filter((one) => !concerns(one, field)));
  return joined(groups.map((group) => [...group, term]));
}

/** Return a term without a piece; the first one that stays keeps the field. */
function without(one, term) {
  const rest = piecesOf(one).filter((piece) => !says(piece, one, term));
  if (rest.length && !fieldOf(rest[0]) && fieldOf(one)) rest[0] = `${fieldOf(one)}:${rest[0]}`;
  return rest.join(",");
}

/** Return a query in which a value is chosen beside others of its field, or no longer. */
export function toggled(query, field, term) {
  if (hasTerm(query, term)) {
    const groups = groupsOf(query).map((group) =>
      group.map((one) => (one === term ? "" : isNegated(one) ? one : without(one, term))).filter(Boolean),
    );
    return joined(groups);
  }
  if (isNegated(term)) return withOnly(query, field, term);
  const groups = groupsOf(query).map((group) => {
    const at = group.findIndex((one) => concerns(one, field) && !isNegated(one));
    const others = group.filter((one) => !(concerns(one, field) && isNegated(one)));
    if (at < 0) return [...others, term];
    return others.map((one) => (one === group[at] ? `${one},${term}` : one));
  });
  return joined(groups);
}

/** Return the field and direction by which a query sorts, or null. */
export function sortOf(query) {
  const term = tokenize(query).findLast((token) => fieldOf(token.text) === "sort")?.text;
  const first = term?.slice(term.indexOf(":") + 1).split(",")[0];
  return first ? { field: first.replace(/[-+]$/u, ""), isDescending: first.endsWith("-") } : null;
}

/** Return a query sorted by a field: upwards, then downwards, then in the order of the songs again. */
export function sortedBy(query, field) {
  const now = sortOf(query);
  const rest = withoutField(query, "sort");
  if (now?.field !== field) return `${rest} sort:${field}`.trim();
  return now.isDescending ? rest : `${rest} sort:${field}-`.trim();
}
