"""An OpenID provider as a program of its own: writes its URL, authority and a token into a directory, and answers until it is ended."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.apiserver.authentication.oidc.issuer import running_issuer


async def serve(directory: Path) -> None:
    async with running_issuer() as issuer:
        (directory / "issuer-ca.pem").write_text(issuer.ca)
        (directory / "issuer-token").write_text(issuer.token(email="jane@acme.example", groups=["dev"]))
        (directory / "issuer-url").write_text(issuer.url)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
