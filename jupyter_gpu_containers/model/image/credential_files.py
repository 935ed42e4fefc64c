"""Names of files that hold, or may hold, credentials: whoever has an image can read them."""

from __future__ import annotations

import re

_KEY = "a private key"
_LOGIN = "logins"
_TOKEN = "may hold a token"

# (the end of a path, why); the first that fits is told
_NAMES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(rf"(?:.*/)?{pattern}", re.I), reason)
    for pattern, reason in (
        (r"id_(rsa|dsa|ecdsa|ed25519)(_sk)?", f"{_KEY} of SSH"),
        (r"\.ssh/(?!known_hosts|config|authorized_keys)[^/]+(?<!\.pub)", "a file of SSH"),
        (r"ssh_host_[a-z0-9]+_key", f"{_KEY} of an SSH server"),
        (r"\.netrc|_netrc", f"{_LOGIN} of curl, Git and others"),
        (r"\.git-credentials|\.config/git/credentials", f"{_LOGIN} of Git"),
        (r"\.aws/(credentials|config)|\.aws/(sso|cli)/cache/[^/]+", f"{_LOGIN} of AWS"),
        (r"\.boto|\.s3cfg|\.passwd-s3fs", f"{_LOGIN} of S3"),
        (
            r"\.azure/(accessTokens\.json|msal_token_cache[^/]*|azureProfile\.json)",
            f"{_LOGIN} of Azure",
        ),
        (
            (
                r"gcloud/(credentials\.db|access_tokens\.db|application_default_credentials\.json"
                r"|legacy_credentials/.*)"
            ),
            f"{_LOGIN} of Google Cloud",
        ),
        (r"[^/]*service[-_]?account[^/]*\.json|credentials\.json", "a key of a cloud's account"),
        (
            r"\.docker/config\.json|\.dockercfg|\.config/containers/auth\.json",
            f"{_LOGIN} of registries",
        ),
        (r"\.kube/config|kubeconfig", f"{_LOGIN} of Kubernetes"),
        (r"\.pypirc", f"{_LOGIN} of package indexes"),
        (r"pip\.conf|\.config/pip/.*|uv\.toml", f"{_TOKEN} of a package index"),
        (r"\.npmrc|\.yarnrc(\.yml)?", f"{_TOKEN} of a package index"),
        (r"\.condarc|\.conda/(aau|anaconda)[^/]*token[^/]*", f"{_TOKEN} of a package index"),
        (r"\.cargo/credentials(\.toml)?|\.gem/credentials", f"{_LOGIN} of package indexes"),
        (
            r"\.cache/huggingface/(token|stored_tokens)|\.huggingface/token",
            "a token of Hugging Face",
        ),
        (r"\.kaggle/kaggle\.json|\.config/kaggle/kaggle\.json", "a token of Kaggle"),
        (r"\.config/wandb/settings|\.config/gh/hosts\.yml|\.config/hub", _TOKEN),
        (r"\.pgpass|\.my\.cnf|\.mylogin\.cnf", f"{_LOGIN} of a database"),
        (r"\.gnupg/(private-keys-v1\.d/.*|secring\.gpg)", f"{_KEY} of GnuPG"),
        (r"\.env(\.[a-z]+)?", "settings that often hold secrets"),
        (r"\.htpasswd|\.vault-token|\.databrickscfg|\.terraformrc", _LOGIN),
        (r"jupyter_(server|notebook)_config\.json", "may hold the password of a server"),
        (r"(etc/)shadow-?", "passwords of the system's accounts"),
        (r"[^/]+\.(pem|key|p12|pfx|jks|ppk|keytab|kdbx)", f"may be {_KEY}"),
    )
)
# certificates and documents that packages bring with them and everybody has
_HARMLESS = re.compile(
    r".*/(cacert|ca-bundle|ca-certificates)\.pem|/etc/ssl/certs/.*|/usr/share/.*"
    r"|.*/(site|dist)-packages/(?!\.).*\.(pem|key|json|toml|conf)"
    r"|.*/conda/pkgs/.*\.pem|.*/\.env\.(example|sample|template)"
)


def why_credential(path: str) -> str | None:
    """Return why a path looks like one with a secret in it; None where it does not.

    >>> why_credential("/root/.ssh/id_ed25519")
    'a private key of SSH'
    >>> why_credential("/usr/lib/python3/dist-packages/certifi/cacert.pem")
    """
    if _HARMLESS.fullmatch(path):
        return None
    return next((reason for pattern, reason in _NAMES if pattern.fullmatch(path)), None)
