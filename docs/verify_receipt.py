"""Verifies a receipt without the service that made it: python3 verify_receipt.py RECEIPT KEYS [PAYLOAD [WORDS]]

RECEIPT is what GET /api/v1/agent/receipts/{receipt_id} gave, KEYS what /.well-known/tempchat-keys gives, now or when it was made; PAYLOAD and
WORDS are files with the exact bytes that were decided about, and that the person wrote. Needs only the package `cryptography`."""

import base64, hashlib, json, sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verify(receipt, keys, payload=None, words=None):
    signed = {name: value for name, value in receipt.items() if name != "signature"}
    # The form of RFC 8785: a receipt is one flat object of texts and whole numbers, whose names are ASCII.
    canonical = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    key = next(key for key in keys["keys"] if key["kid"] == receipt["kid"] and key["crv"] == "Ed25519")
    Ed25519PublicKey.from_public_bytes(decoded(key["x"])).verify(decoded(receipt["signature"]), canonical)
    assert receipt["type"] == "receipt", "this is signed, and no receipt"
    for name, text in (("payload", payload), ("words", words)):
        if text is not None:
            salt = bytes.fromhex(receipt[name + "_salt"])
            assert len(salt) == 32, "a salt has 32 bytes"
            assert hashlib.sha256(salt + text).hexdigest() == receipt[name + "_hash"], f"these are other {name}"


if __name__ == "__main__":
    answer, keys = (json.load(open(path, encoding="utf-8")) for path in sys.argv[1:3])
    texts = [open(path, "rb").read() for path in sys.argv[3:5]]
    verify(answer.get("receipt", answer), keys, *texts)
    print("This receipt is genuine.")
