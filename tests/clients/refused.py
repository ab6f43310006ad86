"""Clients that nobody here wrote meet what the filter answers: the MCP SDK, Azure's pipeline, gRPC.

Started by `tests/envoy/clients.rs` with the port of a gateway and its configuration; ends with 1 and a reason where a
client does not understand an answer.
"""

import base64
import json
import sys

import anyio
import grpc
import httpx2
from azure.core import PipelineClient
from azure.core.credentials import AccessToken
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, SansIOHTTPPolicy
from azure.core.rest import HttpRequest
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy
from mcp import ClientSession, UrlElicitationRequiredError
from mcp.client.auth import utils
from mcp.client.streamable_http import streamable_http_client

PORT = sys.argv[1]
GATEWAY = f"http://127.0.0.1:{PORT}"
METADATA = "https://mcp.example/.well-known/oauth-protected-resource"


def expect(what, found, wanted):
    if found != wanted:
        sys.exit(f"{what}: expected {wanted!r}, found {found!r}")
    print(f"ok: {what}")


async def mcp_call(key, tool):
    """The result of a tool as text, or the error that the SDK raises."""
    headers = {"x-api-key": key, "x-upstream-mcp": "yes"}
    async with httpx2.AsyncClient(headers=headers) as http:
        async with streamable_http_client(f"{GATEWAY}/mcp", http_client=http, terminate_on_close=False) as streams:
            async with ClientSession(streams[0], streams[1]) as session:
                await session.initialize()
                try:
                    result = await session.call_tool(tool, {})
                    return result.content[0].text
                except Exception as error:  # The SDK has renamed its class between versions.
                    return error.error


async def mcp_client():
    expect("MCP: an allowed tool answers", await mcp_call("m1", "get_one"), "answered get_one")
    error = await mcp_call("m1", "set_one")
    expect("MCP: restrict is a JSON-RPC error", (error.code, error.data["action"]), (40301, "restrict"))
    expect("MCP: restrict names what still goes", error.data["allowed_tools"], ["get_*"])
    error = await mcp_call("m1", "admin_one")
    expect("MCP: step_up is a JSON-RPC error", (error.code, error.data["action"]), (40101, "step_up"))
    error = await mcp_call("m1", "pay_all")
    asked = UrlElicitationRequiredError.from_error(error).elicitations
    url = f"https://approvals.example/?session={asked[0].elicitation_id.split('-')[0]}&tool=pay_all"
    expect("MCP: approval is an elicitation that the SDK reads", [(one.mode, one.url) for one in asked], [("url", url)])
    error = await mcp_call("m1", "export_all")
    expect("MCP: suspend says for how long", (error.code, error.data["retry_after_seconds"]), (40303, 600))
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "admin_one"}}
    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"{GATEWAY}/mcp", json=call, headers={"x-api-key": "m2"})
        challenge = (answer.status_code, utils.extract_field_from_www_auth(answer, "error"))
        expect("MCP: the SDK's OAuth provider sees a scope that is too small", challenge, (403, "insufficient_scope"))
        expect("MCP: and which one is wanted", utils.extract_scope_from_www_auth(answer), "tools:read tools:write")
        answer = await http.post(f"{GATEWAY}/mcp", json=call)
        found = (answer.status_code, utils.extract_resource_metadata_from_www_auth(answer))
        expect("MCP: who has no token is told where to begin", found, (401, METADATA))
        expect("MCP: and of no error", utils.extract_field_from_www_auth(answer, "error"), None)


class Credential:
    """Asks nobody: the token says which claims were asked for."""

    def __init__(self):
        self.claims = []

    def get_token(self, *scopes, claims=None, **_):
        self.claims.append(claims)
        return AccessToken("fresh" if claims else "first", 9_999_999_999)


class Verified(SansIOHTTPPolicy):
    """What a gateway's jwt_authn would make of the token."""

    def __init__(self, session):
        self.session = session

    def on_request(self, request):
        fresh = request.http_request.headers["Authorization"].endswith("fresh")
        claims = {"sid": self.session, "xms_cc": ["cp1"], "acrs": ["c1"] if fresh else []}
        payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=")
        request.http_request.headers["x-jwt-payload"] = payload.decode()


def azure_clients():
    policies = {"azure-core": BearerTokenCredentialPolicy, "azure-mgmt-core": ARMChallengeAuthenticationPolicy}
    for name, policy in policies.items():
        credential = Credential()
        authentication = policy(credential, "scope/.default", enforce_https=False)
        # The policy insists on TLS, which this gateway does not speak.
        options = {"policies": [authentication, Verified(name)]}
        with PipelineClient(GATEWAY, **options) as client:
            request = HttpRequest("GET", f"{GATEWAY}/entra/one")
            answer = client.send_request(request, enforce_https=False)
        wanted = [None, '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}']
        expect(f"{name}: asks for the claims of the challenge", credential.claims, wanted)
        expect(f"{name}: and gets through with them", answer.status_code, 200)


def grpc_client():
    with grpc.insecure_channel(f"127.0.0.1:{PORT}") as channel:

        def call(method, key=None):
            identity = lambda body: body
            unary = channel.unary_unary(method, request_serializer=identity, response_deserializer=identity)
            try:
                unary(b"", metadata=[("x-api-key", key)] if key else [], timeout=20)
            except grpc.RpcError as error:
                metadata = dict(error.initial_metadata() or ()) | dict(error.trailing_metadata() or ())
                return error.code(), error.details(), metadata
            return sys.exit(f"gRPC {method}: was answered")

        code, details, _ = call("/shop.Orders/Write", "g1")
        expect("gRPC: restrict", (code, details.split(":")[0]), (grpc.StatusCode.PERMISSION_DENIED, "Session is read-only"))
        code, _, metadata = call("/shop.Orders/Ask", "g2")
        expect("gRPC: step_up", code, grpc.StatusCode.UNAUTHENTICATED)
        expect("gRPC: the challenge is metadata", "acr_values=\"urn:mfa\"" in metadata["www-authenticate"], True)
        code, _, metadata = call("/shop.Orders/Stop", "g3")
        expect("gRPC: suspend", (code, metadata["retry-after"]), (grpc.StatusCode.PERMISSION_DENIED, "600"))
        code, _, metadata = call("/shop.Orders/Write")
        wanted = (grpc.StatusCode.UNAUTHENTICATED, 'Bearer realm="session-risk"')
        expect("gRPC: no session", (code, metadata["www-authenticate"]), wanted)


anyio.run(mcp_client)
azure_clients()
grpc_client()
