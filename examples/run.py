"""Run a cluster with the example on it, in the foreground, until Ctrl-C; then leave nothing behind. `make run` calls this.

The cluster lives in a network namespace of its own: it cannot disturb the machine's network, and going away is simple.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from minikube_py.cri.containerd import default_run_dir
from tools.busybox_image import busybox_image_tar
from tools.hosts import Host, Lan, remove_tree, wait_until
from tools.leftovers import end_containers

PROGRAM = Path(sys.executable).with_name("minikube-py")
EXAMPLE = ROOT / "examples" / "hello" / "hello.yaml"
IMAGE = "docker.io/minikube-py/hello:1"


def say(text: str) -> None:
    print(f"\n==> {text}", flush=True)


def kubectl(host: Host, kubeconfig: Path, *arguments: str, check: bool = True) -> str:
    """Run the built-in kubectl on the host and return what it printed."""
    return host.run(str(PROGRAM), "kubectl", "--kubeconfig", str(kubeconfig), *arguments, check=check).stdout


def show(host: Host, kubeconfig: Path, *arguments: str) -> None:
    print(f"$ minikube-py kubectl {' '.join(arguments)}", flush=True)
    print(kubectl(host, kubeconfig, *arguments, check=False), end="", flush=True)


def start(host: Host, home: Path) -> subprocess.Popen[bytes]:
    """Start the server and wait until its node is ready."""
    images = home / "data" / "agent" / "images"
    images.mkdir(parents=True)
    busybox_image_tar(images / "hello.tar", [IMAGE])
    server = host.start(
        str(PROGRAM), "server", "--data-dir", str(home / "data"), "--write-kubeconfig", str(home / "kubeconfig.yaml"),
        "--node-name", "hello-node", "--node-ip", host.address, log=home / "server.log",
    )

    def ready() -> bool:
        if server.poll() is not None:
            raise SystemExit(f"the server has ended:\n{(home / 'server.log').read_text()[-4000:]}")
        return " Ready" in kubectl(host, home / "kubeconfig.yaml", "get", "nodes", "--no-headers", check=False)

    wait_until((home / "kubeconfig.yaml").exists, "the API server", 30)
    wait_until(ready, "the node to be ready", 60)
    return server


def main() -> None:
    home = Path(tempfile.mkdtemp(prefix="minikube-py-run-"))
    # Ctrl-C and SIGTERM both end the example in order.
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    try:
        with Lan("mkpy-run") as lan:
            host = lan.add_host("node")
            kubeconfig = home / "kubeconfig.yaml"
            try:
                say(f"starting the server (log: {home / 'server.log'})")
                server = start(host, home)
                show(host, kubeconfig, "get", "nodes", "-o", "wide")
                say("applying examples/hello")
                show(host, kubeconfig, "apply", "-f", str(EXAMPLE))
                say("waiting for it")
                print(kubectl(host, kubeconfig, "rollout", "status", "deployment/web", "-n", "hello", "--timeout", "120s"), end="")
                kubectl(host, kubeconfig, "wait", "--for=condition=complete", "job/fetch", "-n", "hello", "--timeout", "120s")
                show(host, kubeconfig, "get", "pods,services,deployments,jobs", "-n", "hello", "-o", "wide")
                say("the page, fetched by a Job through the Service http://web.hello")
                show(host, kubeconfig, "logs", "job/fetch", "-n", "hello")
                say(f"the cluster runs; Ctrl-C ends it. From another terminal:\n"
                    f"    nsenter --net=/run/netns/{host.name} {PROGRAM} kubectl --kubeconfig {kubeconfig} get pods -A")
                server.wait()
                raise SystemExit(f"the server has ended:\n{(home / 'server.log').read_text()[-4000:]}")
            except KeyboardInterrupt:
                say("cleaning up")
            finally:
                clean_up(host, kubeconfig, home)
    finally:
        remove_tree(home)


def clean_up(host: Host, kubeconfig: Path, home: Path) -> None:
    """End pods in order, then the server, then whatever of containers is left."""
    if kubeconfig.exists():
        kubectl(host, kubeconfig, "delete", "namespace", "hello", "--timeout", "60s", check=False)
    for process in [*host.processes]:
        host.stop(process)
    end_containers(default_run_dir(home / "data"))


if __name__ == "__main__":
    main()
