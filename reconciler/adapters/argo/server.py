"""One Argo Server through the `argo-workflows` client, plain dicts in and out.

The client's generated models reject what any other version than their own says, so its type checks are off. Runs are
not launched here but as objects through the Kubernetes API.
"""

import json
from collections.abc import Callable
from typing import Any

from reconciler.core.errors import NotAllowed, NotFound, TenantctlError, Unavailable

Json = dict[str, Any]

SECONDS = 10
MESSAGE_MAX = 600
UNCHECKED = {"_check_return_type": False, "_request_timeout": SECONDS}


class ArgoServer:
    """An Argo Server by its URL; close it when done. `token` is for servers with authentication by client."""

    def __init__(self, url: str, token: str = "", *, verify: bool = True) -> None:
        from argo_workflows import ApiClient, Configuration

        configuration = Configuration(host=url.rstrip("/"))
        configuration.verify_ssl = verify
        if token:
            configuration.api_key = {"BearerToken": f"Bearer {token}"}
        self.url = url
        self._client = ApiClient(configuration)

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def version(self) -> str:
        """The server's version, such as `v3.7.18`. Raises one of `core.errors`."""
        from argo_workflows.api.info_service_api import InfoServiceApi

        answer = self._ask(InfoServiceApi(self._client).get_version)
        return str(answer["version"])

    def lint(self, template: Json) -> None:
        """Have a ClusterWorkflowTemplate checked. Raises TenantctlError with what is wrong with it."""
        from argo_workflows.api.cluster_workflow_template_service_api import ClusterWorkflowTemplateServiceApi
        from argo_workflows.models import IoArgoprojWorkflowV1alpha1ClusterWorkflowTemplateLintRequest as Request

        api = ClusterWorkflowTemplateServiceApi(self._client)
        self._ask(api.lint_cluster_workflow_template, Request(template=template, _check_type=False))

    def _ask(self, call: Callable[..., Any], *arguments: Any) -> Any:
        from argo_workflows.exceptions import ApiException, OpenApiException
        from urllib3.exceptions import HTTPError

        try:
            return call(*arguments, **UNCHECKED)
        except ApiException as error:
            raise _failure(self.url, error) from error
        except (OpenApiException, TypeError) as error:  # its models miss what they think is required
            raise TenantctlError(f"{self.url}: no answer of an Argo Server: {str(error)[:MESSAGE_MAX]}") from error
        except HTTPError as error:
            raise Unavailable(f"{self.url}: no answer: {type(error).__name__}: {str(error)[:MESSAGE_MAX]}") from error


def _failure(url: str, error: Any) -> TenantctlError:
    kinds: dict[int, type[TenantctlError]] = {401: NotAllowed, 403: NotAllowed, 404: NotFound, 503: Unavailable}
    return kinds.get(error.status, TenantctlError)(f"{url}: {error.status}: {_message(error.body)[:MESSAGE_MAX]}")


def _message(body: Any) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, TypeError, KeyError):
        return str(body)
