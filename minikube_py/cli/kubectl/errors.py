"""What kubectl says when something does not work, and its exit codes.

Source: kubectl pkg/cmd/util/helpers.go (checkErr, StandardErrorMessage)
"""

from __future__ import annotations

import ssl

from minikube_py.core.errors import InvalidError, StatusError


class KubectlError(Exception):
    """A failure with its sentence; printed after "error: " unless `plain`."""

    def __init__(self, message: str, *, exit_code: int = 1, plain: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code
        self.plain = plain


class Exit(Exception):
    """End with this code; everything has been said."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def usage(verb: str, text: str) -> KubectlError:
    """A command line that makes no sense."""
    return KubectlError(f"{text}\nSee 'kubectl {verb} -h' for help and examples")


def sentence(error: BaseException, server: str = "") -> str:
    """The text for stderr."""
    if isinstance(error, KubectlError):
        return error.message if error.plain else f"error: {error.message}"
    if isinstance(error, InvalidError):
        return _invalid(error)
    if isinstance(error, StatusError):
        if error.code == 401:
            return "error: You must be logged in to the server (Unauthorized)"
        return f"Error from server ({error.reason}): {error.message}" if error.reason else f"Error from server: {error.message}"
    if isinstance(error, ConnectionRefusedError) or "Connect call failed" in str(error):
        host = server.split("://", 1)[-1]
        return f"The connection to the server {host} was refused - did you specify the right host or port?"
    if isinstance(error, ssl.SSLError | OSError):
        return f"Unable to connect to the server: {error}"
    return f"error: {error}"


def _invalid(error: InvalidError) -> str:
    kind, name = error.details.get("kind", ""), error.details.get("name", "")
    if kind or name:
        text = f'The {kind} "{name}" is invalid'
    elif error.message and not error.causes:
        return error.message
    else:
        text = "The request is invalid"
    causes = [f"{cause.field}: {cause.message}" if cause.field else cause.message for cause in error.causes]
    if not causes:
        return text
    if len(causes) == 1:
        return f"{text}: {causes[0]}"
    return "\n".join([f"{text}: ", *(f"* {cause}" for cause in causes)])
