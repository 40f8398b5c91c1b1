/**
 * What `--only` picks: a name stands for itself and for all below it, so `socket` and `socket/` are
 * every `socket/…`.
 *
 * @throws Error that tells the names which match nothing
 */
export function select(keys: readonly string[], names: readonly string[]): Set<string> {
  const below = (key: string, name: string) =>
    key === name || key.startsWith(name.endsWith('/') ? name : `${name}/`);
  const wrong = names.filter((name) => !keys.some((key) => below(key, name)));
  if (wrong.length > 0)
    throw new Error(`--only: nothing is named ${wrong.join(', ')}; --list prints the names`);
  if (names.length === 0) throw new Error('--only: name something; --list prints the names');
  return new Set(keys.filter((key) => names.some((name) => below(key, name))));
}
