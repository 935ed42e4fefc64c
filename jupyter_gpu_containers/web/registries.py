"""``/gpu-containers/registries``: their tags, and logins to them."""

from __future__ import annotations

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_gpu_containers.model.image.registry_host import default_username, parse_registry_host

from .base import BaseHandler


class RegistriesHandler(BaseHandler):
    """Registries with a login."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Return hosts and user names."""
        hosts = await self.services.logins.hosts()
        found = [{"host": host, "username": name} for host, name in sorted(hosts.items())]
        self.finish({"registries": found})


class TagsHandler(BaseHandler):
    """Tags of a repository."""

    @web.authenticated
    @authorized
    async def get(self, host: str) -> None:
        """Return the newest that match."""
        query = self.query("/registries/{host}/tags")
        page = await self.services.registry.tags(
            f"{host}/{query['repository']}", contains=query["contains"], limit=query["limit"]
        )
        self.finish({"repository": page.repository, "tags": list(page.tags), "total": page.total})


class LoginHandler(BaseHandler):
    """The login to a registry."""

    @web.authenticated
    @authorized
    async def post(self, host: str) -> None:
        """Keep a login that the registry takes."""
        wanted = self.body("NewLogin")
        host = parse_registry_host(host)
        username = wanted.get("username") or default_username(host)
        kept_in = await self.services.logins.login(host, username, wanted["secret"])
        self.finish({"host": host, "username": username, "kept_in": kept_in})

    @web.authenticated
    @authorized
    async def delete(self, host: str) -> None:
        """Forget a login."""
        await self.services.logins.logout(host)
        self.set_status(204)
        self.finish()
