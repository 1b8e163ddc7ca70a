"""What emerge would do, asked of emerge's own resolver instead of read from its output.

Knows nothing of caches and files: atoms in, Portage's Package objects out.
"""

import os
import sys

import portage
from _emerge.actions import adjust_configs, load_emerge_config
from _emerge.create_depgraph_params import create_depgraph_params
from _emerge.depgraph import backtrack_depgraph
from _emerge.main import parse_opts
from _emerge.Package import Package
from _emerge.stdout_spinner import stdout_spinner

IMAGE_ROOT = "/emerge-root"
FOR_IMAGE = ["--noreplace", "--changed-use", "--with-bdeps=n"]
FOR_BUILDER = ["--noreplace", "--oneshot"]


def everything(atoms):
    """All that would be compiled if there were no binary package at all, for the image and for the builder."""
    packages = for_image(atoms)
    in_builder = os.environ.get("BOB_BUILD_PACKAGES", "").split()
    return packages + (resolve("/", FOR_BUILDER, in_builder) if in_builder else [])


def for_image(atoms):
    """Includes what is compiled into / because something for the image is compiled against it."""
    return resolve(IMAGE_ROOT, FOR_IMAGE, list(atoms)) if atoms else []


def resolve(root, options, atoms):
    """The ebuilds that `ROOT=root emerge options atoms` would merge, in its order."""
    os.environ["ROOT"] = root
    action, opts, files = parse_opts(["--pretend", "--quiet", *options, *atoms], silent=True)
    config = load_emerge_config(action=action, args=files, opts=opts)
    adjust_configs(config.opts, config.trees)
    graph = solved(config)
    return [p for p in graph.altlist() if isinstance(p, Package) and p.operation == "merge"]


def solved(config):
    """Ends the program with emerge's own explanation where there is no solution."""
    settings = config.target_config.settings
    params = create_depgraph_params(config.opts, config.action)
    try:
        ok, graph, _ = backtrack_depgraph(
            settings, config.trees, config.opts, params, config.action, config.args, quiet_spinner()
        )
    except portage.exception.PackageSetNotFound as error:
        sys.exit(f"emerge: there is no package set {error}")
    if not ok:
        graph.display_problems()
        sys.stdout.flush()
        sys.exit(1)
    return graph


def quiet_spinner():
    spinner = stdout_spinner()
    if hasattr(spinner, "QUIET"):
        spinner.mode = spinner.QUIET
    else:  # Portage before 3.0.83
        spinner.update = spinner.update_quiet
    return spinner


def portdb(package):
    return package.root_config.trees["porttree"].dbapi
