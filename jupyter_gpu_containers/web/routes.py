"""Addresses and their handlers, in the order of openapi.yaml."""

from __future__ import annotations

from .base import PREFIX, BaseHandler
from .catalogue import CatalogueHandler, SearchHandler
from .environments import EnvironmentHandler, EnvironmentsHandler
from .gpus import GpusHandler, LimitsHandler, ReportHandler
from .images import ImageHandler, ImagesHandler
from .jobs import JobHandler, JobsHandler
from .launches import ChangesHandler, KeepAliveHandler, LaunchesHandler, LaunchHandler
from .registries import LoginHandler, RegistriesHandler, TagsHandler
from .shells import LogHandler, TerminalsHandler
from .spares import SparesHandler
from .status import ContractHandler, StatusHandler, UnknownHandler

handlers: list[tuple[str, type[BaseHandler]]] = [
    (rf"{PREFIX}/status", StatusHandler),
    (rf"{PREFIX}/gpus", GpusHandler),
    (rf"{PREFIX}/limits", LimitsHandler),
    (rf"{PREFIX}/report", ReportHandler),
    (rf"{PREFIX}/images", ImagesHandler),
    (rf"{PREFIX}/images/(?P<reference>.+)", ImageHandler),
    (rf"{PREFIX}/catalogue", CatalogueHandler),
    (rf"{PREFIX}/search", SearchHandler),
    (rf"{PREFIX}/registries", RegistriesHandler),
    (rf"{PREFIX}/registries/(?P<host>[^/]+)/tags", TagsHandler),
    (rf"{PREFIX}/registries/(?P<host>[^/]+)/login", LoginHandler),
    (rf"{PREFIX}/jobs", JobsHandler),
    (rf"{PREFIX}/jobs/(?P<job_id>[^/]+)", JobHandler),
    (rf"{PREFIX}/environments", EnvironmentsHandler),
    (rf"{PREFIX}/environments/(?P<name>[^/]+)", EnvironmentHandler),
    (rf"{PREFIX}/spares", SparesHandler),
    (rf"{PREFIX}/launches", LaunchesHandler),
    (rf"{PREFIX}/launches/(?P<launch_id>[^/]+)", LaunchHandler),
    (rf"{PREFIX}/launches/(?P<launch_id>[^/]+)/keep-alive", KeepAliveHandler),
    (rf"{PREFIX}/launches/(?P<launch_id>[^/]+)/changes", ChangesHandler),
    (rf"{PREFIX}/launches/(?P<launch_id>[^/]+)/terminals", TerminalsHandler),
    (rf"{PREFIX}/launches/(?P<launch_id>[^/]+)/log", LogHandler),
    (rf"{PREFIX}/openapi\.yaml", ContractHandler),
    (rf"{PREFIX}(?P<_path>/.*)?", UnknownHandler),
]
