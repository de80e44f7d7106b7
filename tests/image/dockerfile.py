"""Reads what tests ask of the Dockerfile and of .dockerignore."""

import fnmatch
import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Instruction:
    """One instruction: its name in capitals, and the rest of it with its continuation lines joined."""

    name: str
    text: str

    @property
    def options(self) -> dict[str, str]:
        """The leading `--name=value` parts."""
        return dict(re.findall(r"--([a-z]+)=(\S+)", re.match(r"(?:--\S+\s+)*", self.text)[0]))  # type: ignore[index]

    @property
    def words(self) -> list[str]:
        """What follows the options, split as a shell would."""
        return [word for word in shlex.split(self.text) if not word.startswith("--")]

    @property
    def array(self) -> list[str]:
        """The arguments of the exec form; fails for the shell form."""
        start = self.text.index("[")
        array: list[str] = json.loads(self.text[start:])
        return array


@dataclass
class Stage:
    """One stage: what it is built from, its name, its instructions."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        """Its instructions of one kind, in order."""
        return [instruction for instruction in self.instructions if instruction.name == name]

    def environment(self) -> dict[str, str]:
        """What its ENV instructions set, variables not replaced."""
        return dict(word.split("=", 1) for instruction in self.all("ENV") for word in instruction.words)


@dataclass(frozen=True)
class Dockerfile:
    """The arguments before the first stage, and the stages by name."""

    arguments: dict[str, str]
    stages: dict[str, Stage]

    @property
    def instructions(self) -> list[Instruction]:
        """Those of every stage."""
        return [instruction for stage in self.stages.values() for instruction in stage.instructions]

    def chain(self, name: str) -> list[Stage]:
        """A stage and those that it is built from, the first first."""
        chain: list[Stage] = []
        while name in self.stages:
            chain.insert(0, self.stages[name])
            name = self.stages[name].base
        return chain


def read_dockerfile(text: str) -> Dockerfile:
    """Parse it. Comments, also those between continuation lines, and empty lines are dropped."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    arguments: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for logical in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        name, _, rest = logical.strip().partition(" ")
        if name == "FROM":
            base, _, alias = rest.partition(" AS ")
            stage = Stage(base, alias)
            stages[alias] = stage
        elif stage is None:
            key, _, value = rest.partition("=")
            arguments[key] = value.strip('"')
        else:
            stage.instructions.append(Instruction(name, rest.strip()))
    return Dockerfile(arguments, stages)


def sources(dockerfile: Dockerfile) -> list[str]:
    """Every path that a COPY takes from the build context."""
    return [
        source.rstrip("/")
        for instruction in dockerfile.instructions
        if instruction.name == "COPY" and "from" not in instruction.options
        for source in instruction.words[:-1]
    ]


def is_sent(path: str, dockerignore: str) -> bool:
    """Whether .dockerignore lets a file into the build context: its last line that matches decides."""
    sent = True
    parts = path.split("/")
    parents = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    for line in dockerignore.splitlines():
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        pattern = rule.removeprefix("!").rstrip("/")
        candidates = [*parents, *parts] if pattern.startswith("**/") else parents
        if any(fnmatch.fnmatchcase(candidate, pattern.removeprefix("**/")) for candidate in candidates):
            sent = rule.startswith("!")
    return sent


DOCKERFILE = read_dockerfile((REPOSITORY / "Dockerfile").read_text(encoding="utf-8"))
DOCKERIGNORE = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8")
