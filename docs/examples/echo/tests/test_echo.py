from heylook_core.testkit import ProviderContract


class TestEcho(ProviderContract):
    provider = "echo"
    config = {"prefix": "You said:"}
