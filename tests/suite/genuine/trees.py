"""A random small tree in a builder: what is planned is what emerge then does, and every program finds its libraries.

Runs in a box of the builder that is thrown away: `python3 trees.py SEED…`. Each seed is a stage3 that is older than the
tree, mostly a parent that was built of an older tree, and an image on it. Prints a line for each, ends with 1 if any
fails. The ebuilds compile real libraries whose names change with their subslots.
"""

import json
import os
import random
import re
import shutil
import subprocess
import sys

REPO = "/var/db/repos/gentoo"
ROOT = "/emerge-root"
OUT = "/bb/out"
VDB = "var/db/pkg"

LIBRARY = """EAPI=8
DESCRIPTION="{name}"
S="${{WORKDIR}}"
SLOT="{slot}/{sub}"
KEYWORDS="amd64"
IUSE="more"
RDEPEND="{run}"
DEPEND="{build}"
PDEPEND="{post}"
BDEPEND="{tools}"
IDEPEND="{merging}"

src_compile() {{
	printf '%s\\n' '{code}' >x.c
	"${{CHOST}}-gcc" -shared -fPIC -Wl,--no-as-needed -Wl,-soname,lib{stem}.so.{sub} \\
		-o lib{stem}.so.{sub} x.c {flags} || die
}}

src_install() {{
	dolib.so lib{stem}.so.{sub}
	dosym lib{stem}.so.{sub} "/usr/$(get_libdir)/lib{stem}.so"
}}
"""
PROGRAM = """EAPI=8
DESCRIPTION="{name}"
S="${{WORKDIR}}"
SLOT="0"
KEYWORDS="amd64"
IUSE="more"
RDEPEND="{run}"
DEPEND="{build}"
PDEPEND="{post}"
BDEPEND="{tools}"
IDEPEND="{merging}"

src_compile() {{
	printf '%s\\n' 'int main(void) {{ return 0; }}' >x.c
	"${{CHOST}}-gcc" -Wl,--no-as-needed -o {stem} x.c {flags} || die
}}

src_install() {{
	dobin {stem}
}}
"""


# What emerge itself says where a tree has no solution.
UNSOLVABLE = re.compile(
    r"there are no ebuilds to satisfy|there are no ebuilds built with USE flags|slot conflict|conflicting packages"
    r"|USE changes are necessary|circular dependencies"
)


class Failed(Exception):
    """The property does not hold."""


class Unsolvable(Exception):
    """There is nothing to be planned."""


class Package:
    """A library in several versions, or a program in one."""

    def __init__(self, name: str, dice: random.Random, below: list["Package"], tools: list["Package"]) -> None:
        self.name = name
        self.is_program = name.startswith("x-apps/")
        self.more = dice.random() < 0.6  # its USE flag
        self.slotted = not self.is_program and dice.random() < 0.2
        self.versions = sorted(dice.sample(range(1, 5), 1 if self.is_program else dice.randint(1, 3)))
        self.texts = {version: self.text(version, dice, below, tools) for version in self.versions}

    def stem(self, version: int) -> str:
        stem = self.name.partition("/")[2]
        return f"{stem}{version}" if self.slotted else stem

    def text(self, version: int, dice: random.Random, below: list["Package"], tools: list["Package"]) -> str:
        linked, run, build = [], [], []
        for other in dice.sample(below, min(len(below), dice.randint(0, 2))):
            wanted = other.versions[0] if dice.random() < 0.7 else dice.choice(other.versions)
            slot = f":{wanted}" if other.slotted else ""
            least = dice.choice(["", f">={other.name}-{wanted}"]) if not other.slotted else ""
            flag = dice.choice(["", "[more]"]) if other.more else ""
            atom = f"{least or other.name}{slot}{'=' if slot else ':='}{flag}"
            text = f"more? ( {atom} )" if dice.random() < 0.2 else atom
            run.append(text)
            if dice.random() < 0.85:
                build.append(text)
                name = other.stem(wanted)
                linked.append(f"$(usev more -l{name})" if text != atom else f"-l{name}")
        post = [dice.choice(below).name] if below and dice.random() < 0.1 else []
        needs = [dice.choice(tools).name] if tools and dice.random() < 0.3 else []
        return (PROGRAM if self.is_program else LIBRARY).format(
            name=self.name,
            slot=version if self.slotted else 0,
            sub=version,
            stem=self.stem(version),
            run=" ".join(run),
            build=" ".join(build),
            post=" ".join(post),
            tools=" ".join(needs),
            merging=tools[0].name if tools and dice.random() < 0.2 else "",
            code=f"int {self.stem(version)}(void) {{ return {version}; }}",
            flags=" ".join(linked),
        )

    def write(self, versions: list[int]) -> None:
        folder = os.path.join(REPO, self.name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for version in versions:
            with open(f"{folder}/{self.name.partition('/')[2]}-{version}.ebuild", "w") as file:
                file.write(self.texts[version])


def main(seeds: list[str]) -> None:
    failed = 0
    for seed in seeds:
        try:
            print(f"{seed}: {one(random.Random(int(seed)))}", flush=True)
        except Unsolvable:
            print(f"{seed}: no solution", flush=True)
        except Failed as why:
            failed = 1
            print(f"{seed}: FAILED: {why}", flush=True)
    sys.exit(failed)


def one(dice: random.Random) -> str:
    reset()
    libraries: list[Package] = []
    for number in range(dice.randint(2, 5)):
        libraries.append(Package(f"x-libs/{'abcdef'[number] * 3}", dice, libraries, []))
    tools = [Package("x-apps/tool", dice, libraries, [])]
    programs = [Package(f"x-apps/{name}", dice, libraries, tools) for name in ("one", "two")]
    every = [*libraries, *tools, *programs]
    for package in every:
        package.write(package.versions[: dice.randint(1, len(package.versions))])
    flags(every)
    # The stage3.
    there = [p.name for p in dice.sample(libraries, dice.randint(0, len(libraries)))]
    if there:
        run("/", "emerge", "--oneshot", *there)
    if dice.random() < 0.6:
        image([dice.choice(libraries).name, programs[0].name])
        shutil.rmtree("/bb/parent", ignore_errors=True)
        os.makedirs("/bb/parent")
        for name in ("sysroot.tar.zst", "packages.json"):
            shutil.move(f"{OUT}/{name}", f"/bb/parent/{name}")
    # The tree is newer now. Of some, the old versions are gone.
    for package in every:
        gone = package.versions[:-1] if dice.random() < 0.3 else []
        package.write([version for version in package.versions if version not in gone])
    planned = image([programs[1].name, dice.choice(libraries).name])
    return f"{len(planned)} packages"


def reset() -> None:
    # Portage knows an ebuild by its time in seconds, and the last seed's may be of this second.
    known = "/var/cache/edb/dep"
    for place in (f"{REPO}/x-libs", f"{REPO}/x-apps", "/bb/parent", f"/{VDB}/x-libs", f"/{VDB}/x-apps", known):
        shutil.rmtree(place, ignore_errors=True)
    os.makedirs("/bb/parent")
    with open(f"{REPO}/profiles/categories") as file:
        categories = file.read()
    if "x-libs" not in categories:
        with open(f"{REPO}/profiles/categories", "a") as file:
            file.write("x-libs\nx-apps\n")
    for name in os.listdir("/usr/lib64"):
        if re.fullmatch(r"lib([a-f])\1\1\d?\.so.*", name):
            os.unlink(f"/usr/lib64/{name}")


def flags(every: list[Package]) -> None:
    os.makedirs("/etc/portage/package.use", exist_ok=True)
    with open("/etc/portage/package.use/trees", "w") as file:
        file.writelines(f"{p.name} more\n" for p in every if p.more)


def image(atoms: list[str]) -> set[str]:
    """Plans, compiles and merges as a step does, and holds one against the other."""
    for place in (ROOT, OUT):
        shutil.rmtree(place, ignore_errors=True)
    with open("/config/Buildconfig.sh", "w") as file:
        file.write("REQUIRES_EXCLUDE='libc.so.6'\n")
    with open("/bb/job.env", "w") as file:
        file.write("NAME=x\nEPOCH=1\nPARENT=''\nSTAGE3_DIGEST=x\nJOBS=2\nBOB_BASE=scratch\n")
        file.write(f"PACKAGES='{' '.join(atoms)}'\nBUILD_PACKAGES=''\nCODE=''\n")
    run(None, "build-root", "plan")
    with open(f"{OUT}/plan.json") as file:
        plan = json.load(file)
    before = records()
    compiled = emerged(run(None, "build-root", "compile")) if plan["compile"] else []
    finished = run(None, "build-root", "finish")
    expect("compiled twice", sorted(set(compiled)), sorted(compiled))
    cpvs = {p["cpv"] for p in plan["packages"]}
    expect("compiled", sorted(compiled), sorted(cpvs if plan["compile"] else []))
    expect("compiled while merging", emerged(finished), [])
    now = records()
    merged = {cpv for cpv in now if before.get(cpv) != now[cpv]}
    expect("merged", sorted(merged), sorted(p["cpv"] for p in plan["packages"] if p["image"]))
    expect("without their libraries", unresolved(), [])
    return cpvs


def expect(what: str, found: list[str], wanted: list[str]) -> None:
    if found != wanted:
        raise Failed(f"{what}: {found}, and not {wanted}")


def emerged(output: str) -> list[str]:
    return re.findall(r"^>>> Emerging \(\d+ of \d+\) (\S+?)::", output, re.M)


def records() -> dict[str, str]:
    """Packages of ROOT with what Portage counts. Before `prepare`, those of the parent."""
    found = {}
    for folder, _, names in os.walk(f"{ROOT}/{VDB}"):
        if "COUNTER" in names:
            with open(f"{folder}/COUNTER") as file:
                found[os.path.relpath(folder, f"{ROOT}/{VDB}")] = file.read()
    return found


def unresolved() -> list[str]:
    """By readelf, which knows nothing of Portage's records."""
    found = []
    for folder, _, names in os.walk(ROOT):
        for name in names:
            path = f"{folder}/{name}"
            if os.path.islink(path) or not is_ours(path):
                continue
            told = subprocess.run(["readelf", "-d", path], capture_output=True, text=True, check=False).stdout
            needed = re.findall(r"\(NEEDED\).*\[(.*)\]", told)
            gone = (so for so in needed if so != "libc.so.6" and not os.path.exists(f"{ROOT}/usr/lib64/{so}"))
            found += [f"{path}: {so}" for so in gone]
    return found


def is_ours(path: str) -> bool:
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def run(root: str | None, *command: str) -> str:
    env = {**os.environ, **({"ROOT": root} if root else {})}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env, check=False)
    if done.returncode != 0 and command[-1] != "compile" and command[-1] != "finish" and UNSOLVABLE.search(done.stdout):
        raise Unsolvable
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {' | '.join(done.stdout.strip().splitlines()[-12:])}")
    return done.stdout


if __name__ == "__main__":
    main(sys.argv[1:])
