// Core: shell completion written from the tree of commands, for bash, zsh and fish. Promises that what a shell offers is what the command
// line knows, with the same words; where a value is free, the shell offers files.

export interface CommandTree {
  readonly name: string;
  readonly about: string;
  readonly commands: readonly CommandTree[];
  readonly options: readonly {
    /** Such as `--json`. */
    readonly flag: string;
    readonly about: string;
    /** Values it allows; empty: any, or none at all. */
    readonly choices: readonly string[];
  }[];
  /** What its first argument may be; empty: any. */
  readonly choices: readonly string[];
}

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

/** A script that a shell reads to complete the program's words. */
export const completionScript = (shell: Shell, program: CommandTree): string => {
  const places = placesOf(program, "");
  switch (shell) {
    case "bash":
      return bash(program.name, places);
    case "zsh":
      return zsh(program.name, places);
    case "fish":
      return fish(program.name, places);
  }
};

/** A command where its words have led: "" is the program, "governance freeze" a command in a command. */
interface Place {
  readonly path: string;
  readonly tree: CommandTree;
}

const placesOf = (tree: CommandTree, path: string): readonly Place[] => [
  { path, tree },
  ...tree.commands.flatMap((inner) => placesOf(inner, path === "" ? inner.name : `${path} ${inner.name}`)),
];

const bash = (name: string, places: readonly Place[]): string => {
  const known = places.filter(({ path }) => path !== "").map(({ path }) => `"${path}"`);
  const words = places.map(
    ({ path, tree }) =>
      `    "${path}") words="${[...tree.commands.map((inner) => inner.name), ...tree.choices, ...tree.options.map(({ flag }) => flag)].join(" ")}" ;;`,
  );
  const values = places.flatMap(({ path, tree }) =>
    tree.options
      .filter(({ choices }) => choices.length > 0)
      .map(({ flag, choices }) => `    "${path} ${flag}") words="${choices.join(" ")}" ;;`),
  );
  return `# ${name} completion for bash: source <(${name} completion bash)
_${name}() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" path="" words="" word step i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    step="\${path:+$path }$word"
    case "$step" in
      ${known.join("|")}) path="$step" ;;
    esac
  done
  case "$path $prev" in
${values.join("\n")}
  esac
  [[ -n "$words" ]] || case "$path" in
${words.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _${name} ${name}
`;
};

const zsh = (name: string, places: readonly Place[]): string => {
  const known = places.filter(({ path }) => path !== "").map(({ path }) => `"${path}"`);
  const entry = (word: string, about: string): string => quoted(`${word}:${about}`);
  const words = places.map(({ path, tree }) => {
    const offered = [
      ...tree.commands.map((inner) => entry(inner.name, inner.about)),
      ...tree.choices.map((choice) => entry(choice, "")),
      ...tree.options.map(({ flag, about }) => entry(flag, about)),
    ];
    return `    "${path}") offered=(${offered.join(" ")}) ;;`;
  });
  const values = places.flatMap(({ path, tree }) =>
    tree.options
      .filter(({ choices }) => choices.length > 0)
      .map(({ flag, choices }) => `    "${path} ${flag}") offered=(${choices.map(quoted).join(" ")}) ;;`),
  );
  return `#compdef ${name}
# ${name} completion for zsh: ${name} completion zsh > "\${fpath[1]}/_${name}"
_${name}() {
  local place="" word step prev="\${words[CURRENT-1]}" i
  local -a offered
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
    step="\${place:+$place }$word"
    case "$step" in
      ${known.join("|")}) place="$step" ;;
    esac
  done
  case "$place $prev" in
${values.join("\n")}
  esac
  (( \${#offered} )) || case "$place" in
${words.join("\n")}
  esac
  _describe '${name}' offered || _files
}
if [[ "$funcstack[1]" == "_${name}" ]]; then
  _${name} "$@"
else
  compdef _${name} ${name}
fi
`;
};

const fish = (name: string, places: readonly Place[]): string => {
  const known = places.filter(({ path }) => path !== "").map(({ path }) => quoted(path));
  const lines = places.flatMap(({ path, tree }) => {
    const at = `complete -c ${name} -n '__${name}_at "${path}"'`;
    return [
      ...tree.commands.map((inner) => `${at} -f -a ${quoted(inner.name)} -d ${quoted(inner.about)}`),
      ...(tree.choices.length > 0 ? [`${at} -f -a ${quoted(tree.choices.join(" "))}`] : []),
      ...tree.options.map(
        ({ flag, about, choices }) =>
          `${at} -l ${flag.slice(2)} -d ${quoted(about)}${choices.length > 0 ? ` -x -a ${quoted(choices.join(" "))}` : ""}`,
      ),
    ];
  });
  return `# ${name} completion for fish: ${name} completion fish > ~/.config/fish/completions/${name}.fish
function __${name}_at
  set -l place
  for word in (commandline -opc)[2..-1]
    set -l step (string join -- ' ' $place $word)
    contains -- "$step" ${known.join(" ")}; and set place $step
  end
  test "$place" = "$argv[1]"
end
${lines.join("\n")}
`;
};

/** One word of a shell, whatever is in it; line breaks and quotes of a description are not worth the trouble. */
const quoted = (text: string): string =>
  `'${text.replaceAll("'", "").replaceAll("\\", "").replaceAll("\n", " ")}'`;
