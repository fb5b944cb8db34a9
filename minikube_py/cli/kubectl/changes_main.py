"""The commands that make, change and delete objects."""

from __future__ import annotations

import click

from . import create as make
from .api import Document
from .apply import ApplyOptions, apply, create_from_files, replace_from_files, with_last_applied
from .change import patch_objects, set_metadata, split_changes, taint
from .command_line import KubectlGroup, command, files, outer_flags, saving, selecting, writing
from .delete import DeleteOptions, delete
from .durations import parse_duration
from .edit import diff, edit
from .errors import KubectlError
from .exec import run_attached
from .group import kubectl
from .session import Flags, Session, global_options, run
from .targets import resolve


@command(kubectl, "apply", "Bring objects to what files say.")
@files()
@writing
@click.option("--server-side", is_flag=True)
@click.option("--force-conflicts", is_flag=True)
@click.option("--prune", is_flag=True)
@click.option("-l", "--selector", default="")
async def apply_command(session: Session, **options: object) -> None:
    await apply(session, ApplyOptions(**options))  # type: ignore[arg-type]


@command(kubectl, "replace", "Replace objects by those in files.")
@files(required=True)
@writing
@click.option("--force", is_flag=True)
async def replace_command(session: Session, **options: object) -> None:
    await replace_from_files(session, ApplyOptions(**options))  # type: ignore[arg-type]


@command(kubectl, "delete", "Delete objects.")
@click.argument("arguments", nargs=-1)
@files()
@selecting
@click.option("--field-selector", default="")
@click.option("-A", "--all-namespaces", is_flag=True)
@click.option("--grace-period", default=-1)
@click.option("--now", is_flag=True)
@click.option("--force", is_flag=True)
@click.option("--wait/--no-wait", default=True)
@click.option("--timeout", default="0s")
@click.option("--cascade", default="background")
@click.option("--ignore-not-found", is_flag=True)
@click.option("-o", "--output", default="")
@click.option("--dry-run", default="none")
async def delete_command(session: Session, arguments: tuple[str, ...], timeout: str, **options: object) -> None:
    await delete(session, arguments, DeleteOptions(timeout_s=parse_duration(timeout), **options))  # type: ignore[arg-type]


@command(kubectl, "label", "Change the labels of objects.")
@click.argument("arguments", nargs=-1)
@selecting
@click.option("--overwrite", is_flag=True)
@click.option("--dry-run", default="none")
@click.option("-o", "--output", default="")
@click.option("-A", "--all-namespaces", is_flag=True)
async def label_command(session: Session, arguments: tuple[str, ...], **options: object) -> None:
    await _metadata(session, "labels", arguments, **options)  # type: ignore[arg-type]


@command(kubectl, "annotate", "Change the annotations of objects.")
@click.argument("arguments", nargs=-1)
@selecting
@click.option("--overwrite", is_flag=True)
@click.option("--dry-run", default="none")
@click.option("-o", "--output", default="")
@click.option("-A", "--all-namespaces", is_flag=True)
async def annotate_command(session: Session, arguments: tuple[str, ...], **options: object) -> None:
    await _metadata(session, "annotations", arguments, **options)  # type: ignore[arg-type]


async def _metadata(session: Session, field: str, arguments: tuple[str, ...], *, selector: str, all_objects: bool, overwrite: bool,
                    dry_run: str, output: str, all_namespaces: bool) -> None:
    names, changes = split_changes(arguments, field[:-1])
    targets = await resolve(session, names, labels=selector, all_objects=all_objects, all_namespaces=all_namespaces)
    await set_metadata(session, targets, field, changes, overwrite=overwrite, dry_run=dry_run, output=output)


@command(kubectl, "taint", "Change the taints of nodes.")
@click.argument("arguments", nargs=-1)
@selecting
@click.option("--overwrite", is_flag=True)
async def taint_command(session: Session, arguments: tuple[str, ...], selector: str, all_objects: bool, overwrite: bool) -> None:
    at = next((i for i, part in enumerate(arguments) if i > 0 and (":" in part or "=" in part or part.endswith("-"))), len(arguments))
    if at == len(arguments):
        raise KubectlError("at least one taint update is required")
    targets = await resolve(session, arguments[:at], labels=selector, all_objects=all_objects)
    await taint(session, targets, arguments[at:], overwrite=overwrite)


@command(kubectl, "patch", "Patch objects.")
@click.argument("arguments", nargs=-1)
@files()
@click.option("-p", "--patch", "text", default="")
@click.option("--patch-file", default="")
@click.option("--type", "patch_type", default="strategic")
@click.option("--subresource", default="")
@click.option("--dry-run", default="none")
@click.option("-o", "--output", default="")
async def patch_command(session: Session, arguments: tuple[str, ...], filename: tuple[str, ...], recursive: bool, text: str,
                        patch_file: str, patch_type: str, subresource: str, dry_run: str, output: str) -> None:
    if patch_file:
        with open(patch_file) as file:  # noqa: ASYNC230 (nothing else runs in this process)
            text = file.read()
    if not text:
        raise KubectlError("must specify --patch or --patch-file containing the contents of the patch")
    targets = await resolve(session, arguments, filenames=filename)
    await patch_objects(session, targets, text, patch_type, output=output, subresource=subresource, dry_run=dry_run)


@command(kubectl, "edit", "Change objects in an editor.")
@click.argument("arguments", nargs=-1)
@files()
async def edit_command(session: Session, arguments: tuple[str, ...], filename: tuple[str, ...], recursive: bool) -> None:
    await edit(session, arguments, filename)


@command(kubectl, "diff", "Show what apply would change.")
@files(required=True)
@click.option("--server-side", is_flag=True)
async def diff_command(session: Session, filename: tuple[str, ...], recursive: bool, server_side: bool) -> None:
    await diff(session, filename, server_side=server_side)


@command(kubectl, "run", "Run one pod.")
@click.argument("name")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--image", required=True)
@click.option("--port", default=0)
@click.option("--env", multiple=True)
@click.option("-l", "--labels", default="")
@click.option("--restart", default="Always")
@click.option("--command", "as_command", is_flag=True)
@click.option("-i", "--stdin", is_flag=True)
@click.option("-t", "--tty", is_flag=True)
@click.option("--rm", "remove", is_flag=True)
@click.option("--image-pull-policy", default="")
@click.option("-q", "--quiet", is_flag=True)
@writing
async def run_command(
    session: Session, name: str, arguments: tuple[str, ...], image: str, port: int, env: tuple[str, ...], labels: str, restart: str,
    as_command: bool, stdin: bool, tty: bool, remove: bool, image_pull_policy: str, quiet: bool, **options: object,
) -> None:
    document = make.pod(
        name, image, port=port, env=env, labels=labels, restart=restart, command=as_command, arguments=arguments, stdin=stdin, tty=tty,
        pull_policy=image_pull_policy)
    written = ApplyOptions(**options)  # type: ignore[arg-type]
    if not stdin:
        await make.create(session, document, written, "kubectl-run")
        return
    written.quiet = remove
    await make.create(session, document, written, "kubectl-run")
    try:
        await run_attached(session, name, tty=tty, quiet=quiet)
    finally:
        if remove:
            await delete(session, (f"pod/{name}",), DeleteOptions(ignore_not_found=True))


@command(kubectl, "expose", "Make a service for pods.")
@click.argument("arguments", nargs=-1)
@click.option("--name", default="")
@click.option("--port", default=0)
@click.option("--target-port", default="")
@click.option("--type", "kind", default="")
@click.option("--protocol", default="")
@click.option("--cluster-ip", default="")
@writing
async def expose_command(
    session: Session, arguments: tuple[str, ...], name: str, port: int, target_port: str, kind: str, protocol: str, cluster_ip: str,
    **options: object,
) -> None:
    for one in await resolve(session, arguments):
        document = await make.service_for(
            session, one, name=name, port=port, target_port=target_port, kind=kind, protocol=protocol, cluster_ip=cluster_ip)
        written = ApplyOptions(**options)  # type: ignore[arg-type]
        if written.output or written.dry_run != "none":
            await make.create(session, document, written, "kubectl-expose")
        else:
            await make.create(session, document, ApplyOptions(quiet=True), "kubectl-expose")
            session.print(f"service/{document['metadata']['name']} exposed")


# -- create ----------------------------------------------------------------------------------------------------------------------------


@kubectl.group("create", cls=KubectlGroup, invoke_without_command=True)
@files()
@saving
@click.pass_context
@global_options
def create(ctx: click.Context, flags: Flags, **options: object) -> None:
    """Create objects, from files or flags."""
    ctx.obj = flags.over(outer_flags())
    if ctx.invoked_subcommand is None:
        run(create_from_files, ctx.obj, {"options": ApplyOptions(**options)})  # type: ignore[arg-type]


async def _create(session: Session, document: Document, save_config: bool, options: dict[str, object]) -> None:
    await make.create(session, with_last_applied(document) if save_config else document, ApplyOptions(**options))  # type: ignore[arg-type]


@command(create, "namespace", "Create a namespace.")
@click.argument("name")
@saving
async def create_namespace(session: Session, name: str, save_config: bool, **options: object) -> None:
    await _create(session, make.namespace(name), save_config, options)


create.add_command(create_namespace, "ns")


@command(create, "serviceaccount", "Create a service account.")
@click.argument("name")
@saving
async def create_service_account(session: Session, name: str, save_config: bool, **options: object) -> None:
    await _create(session, make.service_account(name), save_config, options)


create.add_command(create_service_account, "sa")


@command(create, "quota", "Create a quota.")
@click.argument("name")
@click.option("--hard", default="")
@click.option("--scopes", default="")
@saving
async def create_quota(session: Session, name: str, hard: str, scopes: str, save_config: bool, **options: object) -> None:
    await _create(session, make.resource_quota(name, hard, scopes), save_config, options)


create.add_command(create_quota, "resourcequota")


@command(create, "configmap", "Create a config map.")
@click.argument("name")
@click.option("--from-literal", "literals", multiple=True)
@click.option("--from-file", "from_files", multiple=True)
@click.option("--from-env-file", "env_files", multiple=True)
@saving
async def create_config_map(
    session: Session, name: str, literals: tuple[str, ...], from_files: tuple[str, ...], env_files: tuple[str, ...], save_config: bool,
    **options: object,
) -> None:
    await _create(session, make.config_map(name, literals, from_files, env_files), save_config, options)


create.add_command(create_config_map, "cm")


@create.group("secret", cls=KubectlGroup)
def create_secret() -> None:
    """Create a secret."""


@command(create_secret, "generic", "Create a secret from literals and files.")
@click.argument("name")
@click.option("--from-literal", "literals", multiple=True)
@click.option("--from-file", "from_files", multiple=True)
@click.option("--from-env-file", "env_files", multiple=True)
@click.option("--type", "kind", default="")
@saving
async def create_secret_generic(
    session: Session, name: str, literals: tuple[str, ...], from_files: tuple[str, ...], env_files: tuple[str, ...], kind: str,
    save_config: bool, **options: object,
) -> None:
    await _create(session, make.secret(name, literals, from_files, env_files, kind), save_config, options)


@command(create_secret, "tls", "Create a secret with a certificate and its key.")
@click.argument("name")
@click.option("--cert", required=True)
@click.option("--key", required=True)
@saving
async def create_secret_tls(session: Session, name: str, cert: str, key: str, save_config: bool, **options: object) -> None:
    await _create(session, make.tls_secret(name, cert, key), save_config, options)


@command(create, "deployment", "Create a Deployment.")
@click.argument("name")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--image", "images", multiple=True, required=True)
@click.option("-r", "--replicas", default=1)
@click.option("--port", default=0)
@saving
async def create_deployment(
    session: Session, name: str, arguments: tuple[str, ...], images: tuple[str, ...], replicas: int, port: int, save_config: bool,
    **options: object,
) -> None:
    await _create(session, make.deployment(name, images, replicas=replicas, port=port, command=arguments), save_config, options)


create.add_command(create_deployment, "deploy")


@command(create, "job", "Create a Job.")
@click.argument("name")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--image", default="")
@click.option("--from", "source", default="", help="cronjob/NAME")
@saving
async def create_job(
    session: Session, name: str, arguments: tuple[str, ...], image: str, source: str, save_config: bool, **options: object
) -> None:
    if bool(image) == bool(source):
        raise KubectlError("either --image or --from must be specified")
    document = make.job(name, image, arguments) if image else await make.job_from(session, name, source)
    await _create(session, document, save_config, options)


@command(create, "cronjob", "Create a CronJob.")
@click.argument("name")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--image", required=True)
@click.option("--schedule", required=True)
@click.option("--restart", default="")
@saving
async def create_cron_job(
    session: Session, name: str, arguments: tuple[str, ...], image: str, schedule: str, restart: str, save_config: bool, **options: object
) -> None:
    await _create(session, make.cron_job(name, image, schedule, arguments, restart), save_config, options)


def _role_command(kind: str) -> None:
    @command(create, kind.lower(), f"Create a {kind}.")
    @click.argument("name")
    @click.option("--verb", "verbs", multiple=True, required=True)
    @click.option("--resource", "words", multiple=True, required=True)
    @click.option("--resource-name", "names", multiple=True)
    @saving
    async def create_role(session: Session, name: str, verbs: tuple[str, ...], words: tuple[str, ...], names: tuple[str, ...],
                          save_config: bool, **options: object) -> None:
        found = []
        for word in (part for listed in words for part in listed.split(",")):
            plain, slash, subresource = word.partition("/")
            resource = await session.api.resource(plain)
            found.append((resource.group, resource.plural + (f"/{subresource}" if slash else "")))
        await _create(session, make.role(kind, name, verbs, found, names), save_config, options)


def _binding_command(kind: str) -> None:
    @command(create, kind.lower(), f"Create a {kind}.", without=("user",))
    @click.argument("name")
    @click.option("--role", default="")
    @click.option("--clusterrole", default="")
    @click.option("--user", "users", multiple=True)
    @click.option("--group", "groups", multiple=True)
    @click.option("--serviceaccount", "accounts", multiple=True)
    @saving
    async def create_binding(session: Session, name: str, role: str, clusterrole: str, users: tuple[str, ...], groups: tuple[str, ...],
                             accounts: tuple[str, ...], save_config: bool, **options: object) -> None:
        if bool(role) == bool(clusterrole):
            raise KubectlError("exactly one of clusterrole or role must be specified")
        reference = ("Role", role) if role else ("ClusterRole", clusterrole)
        await _create(session, make.role_binding(kind, name, reference, users, groups, accounts), save_config, options)


for _kind in ("Role", "ClusterRole"):
    _role_command(_kind)
    _binding_command(f"{_kind}Binding")


@command(create, "token", "Ask for a token of a service account.", without=("token",))
@click.argument("name")
@click.option("--duration", default="")
@click.option("--audience", "audiences", multiple=True)
async def create_token(session: Session, name: str, duration: str, audiences: tuple[str, ...]) -> None:
    spec: dict[str, object] = {"audiences": list(audiences)} if audiences else {}
    if duration:
        spec["expirationSeconds"] = int(parse_duration(duration))
    resource = await session.api.resource("serviceaccounts")
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    answer = await session.api.request("POST", resource.path(session.namespace, name, "token"), body=body)
    session.print(answer["status"]["token"])
