"""What emerge would do, asked of emerge's own resolver instead of read from its output.

Knows nothing of caches and files: atoms in, Portage's Package objects out.
"""

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from _emerge.actions import adjust_configs, load_emerge_config
from _emerge.create_depgraph_params import create_depgraph_params
from _emerge.depgraph import backtrack_depgraph, depgraph
from _emerge.main import parse_opts
from _emerge.Package import Package
from _emerge.stdout_spinner import stdout_spinner
from portage.dbapi.porttree import portdbapi
from portage.dep import Atom, use_reduce
from portage.exception import PackageSetNotFound

from gentoo_bob.places import IMAGE_ROOT

if TYPE_CHECKING:  # the name is Portage's own business
    from _emerge.actions import _emerge_config

BUILD_TIME = ("DEPEND", "BDEPEND", "IDEPEND")
# What is wanted after it is there all the same, where the package is one that others are built with.
RUN_TIME = ("RDEPEND", "PDEPEND")

FOR_IMAGE = ["--noreplace", "--changed-use", "--with-bdeps=n"]
FOR_BUILDER = ["--noreplace", "--oneshot"]
# What is installed there and was built with another subslot is not built anew: its own library stays beside.
IN_PLACE = [*FOR_BUILDER, "--changed-use", "--ignore-built-slot-operator-deps=y"]


def everything(for_image: Sequence[str], for_builder: Sequence[str]) -> list[Package]:
    """All that would be compiled if there were no binary package at all. That for the image includes what is compiled
    into / because something for the image is compiled against it."""
    packages = resolve(IMAGE_ROOT, FOR_IMAGE, for_image) if for_image else []
    return packages + (resolve("/", FOR_BUILDER, for_builder) if for_builder else [])


def resolve(root: str, options: Sequence[str], atoms: Sequence[str]) -> list[Package]:
    """The ebuilds that `ROOT=root emerge options atoms` would merge, in its order."""
    os.environ["ROOT"] = root
    action, opts, files = parse_opts(["--pretend", "--quiet", *options, *atoms], silent=True)
    config = load_emerge_config(action=action, args=files, opts=opts)
    adjust_configs(config.opts, config.trees)
    graph = solved(config)
    return [p for p in graph.altlist() if isinstance(p, Package) and p.operation == "merge"]


def in_place(cpvs: Sequence[str]) -> list[Package] | None:
    """What comes into `/` with these versions. Nothing, where emerge finds no way: it has said why."""
    try:
        return resolve("/", IN_PLACE, [f"={cpv}" for cpv in cpvs]) if cpvs else []
    except SystemExit:
        print(f"bob: warning: the builder cannot have what the image gets, {' '.join(cpvs)}: it keeps its own")
        return None


def solved(config: "_emerge_config") -> depgraph:
    """Ends the program with emerge's own explanation where there is no solution."""
    settings = config.target_config.settings
    params = create_depgraph_params(config.opts, config.action)
    try:
        ok, graph, _ = backtrack_depgraph(
            settings, config.trees, config.opts, params, config.action, config.args, quiet_spinner()
        )
    except PackageSetNotFound as error:
        sys.exit(f"emerge: there is no package set {error}")
    if not ok:
        graph.display_problems()
        sys.stdout.flush()
        sys.exit(1)
    return graph


def quiet_spinner() -> stdout_spinner:
    spinner = stdout_spinner()
    if hasattr(spinner, "QUIET"):
        spinner.mode = spinner.QUIET
    else:  # Portage before 3.0.83
        spinner.update = spinner.update_quiet
    return spinner


def atoms(package: Package, kinds: Sequence[str]) -> list[Atom]:
    """Its dependencies of these kinds, as its USE flags have them."""
    text = " ".join(package._metadata.get(kind) or "" for kind in kinds)
    return atoms_in(text, package.use.enabled, package.eapi)


def atoms_in(text: str, use: frozenset[str], eapi: str) -> list[Atom]:
    """Those that a text of dependencies asks for with these USE flags."""
    tokens = use_reduce(text, uselist=use, flat=True, eapi=eapi, token_class=Atom)
    found = [t for t in tokens if isinstance(t, Atom) and not t.blocker]
    return [atom.evaluate_conditionals(use) if atom.use else atom for atom in found]


def portdb(package: Package) -> portdbapi:
    return package.root_config.trees["porttree"].dbapi


def ebuild(package: Package) -> str:
    path = portdb(package).findname(package.cpv, myrepo=package.repo)
    if path is None:
        sys.exit(f"error: the ebuild of {package.cpv} is gone")
    return path
