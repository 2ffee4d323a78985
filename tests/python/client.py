"""A machine of a union, in another language, from the files in `proto/` alone.

It joins a hub with a token, writes one line of a work log into a feed of its own, exchanges with the hub, checks the
signed receipt, and keeps what comes down. It says what happened as JSON. It keeps no disk, so every run is a new machine.

    python client.py PROTO_DIRECTORY TOKEN

In reading order: the token, the machine's keys, joining (join.proto), feeds (feed.proto), the exchange (sync.proto).
"""

import base64, hashlib, hmac, importlib, json, os, queue, socket, ssl, sys, tempfile, time
from dataclasses import dataclass, field

import grpc, zstandard
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import NameOID
from grpc_tools import protoc

SUITE = 1  # SHA-256 and Ed25519: the only suite there is.


def generated(proto_directory):
    """The messages and stubs, made from the .proto files."""
    out = tempfile.mkdtemp(prefix="huiliu-python-")
    files = []
    for folder in ("huiliu/v1", "huiliu/v1/records"):
        names = sorted(os.listdir(os.path.join(proto_directory, folder)))
        files += [f"{folder}/{name}" for name in names if name.endswith(".proto")]
    include = os.path.join(os.path.dirname(protoc.__file__), "_proto")
    arguments = ["protoc", f"-I{proto_directory}", f"-I{include}", f"--python_out={out}", f"--grpc_python_out={out}"]
    if protoc.main(arguments + files) != 0:
        sys.exit("the .proto files cannot be compiled")
    sys.path.insert(0, out)
    names = ("join_pb2", "join_pb2_grpc", "feed_pb2", "sync_pb2", "sync_pb2_grpc", "records.work_entry_pb2")
    return [importlib.import_module(f"huiliu.v1.{name}") for name in names]


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


# ---- The token -------------------------------------------------------------------------------------------------------


@dataclass
class Token:
    as_hub: bool
    hub: int
    union: int
    root: bytes
    pin: bytes
    id: bytes
    secret: bytes
    network: str
    address: str


def read_token(text):
    """The text is `huiliu-` and Crockford's base 32 of the bytes that join.proto describes, in groups of four."""
    plain = "".join(c for c in text.lower() if c not in " -\r\n\t")
    assert plain.startswith("huiliu")
    crockford, standard = "0123456789abcdefghjkmnpqrstvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    coded = plain[len("huiliu") :].translate(str.maketrans("ilo", "110")).translate(str.maketrans(crockford, standard))
    raw = base64.b32decode(coded + "=" * (-len(coded) % 8))
    body, check = raw[:-4], raw[-4:]
    assert sha256(b"huiliu/token-check/1", body)[:4] == check, "mistyped"
    assert body[0] == 2, "another version"
    at = 2
    parts = []
    for length in (7, 7, 20, 16, 6, 16):
        parts.append(body[at : at + length])
        at += length
    texts = []
    for _ in range(2):
        texts.append(body[at + 1 : at + 1 + body[at]].decode())
        at += 1 + body[at]
    assert at == len(body)
    hub, union, root, pin, id, secret = parts
    numbers = int.from_bytes(hub, "big"), int.from_bytes(union, "big")
    return Token(bool(body[1] & 2), *numbers, root, pin, id, secret, *texts)


# ---- Keys and joining ------------------------------------------------------------------------------------------------


class Machine:
    """Four keys: what it signs with (and is known by), what it calls with, what sealed keys are wrapped to."""

    def __init__(self):
        self.signing = ed25519.Ed25519PrivateKey.generate()
        self.tls = ec.generate_private_key(ec.SECP256R1())
        self.receives = x25519.X25519PrivateKey.generate()
        self.device = self.signing.public_key().public_bytes_raw()

    def sign(self, domain, message):
        signed = feed_pb2.Signed(message=message)
        signed.signature = self.signing.sign(domain + message)
        return signed

    def request(self, token):
        """PKCS #10: the device and the token stand in the subject, so that the request serves nobody else."""
        name = [(NameOID.COMMON_NAME, self.device.hex()), (NameOID.ORGANIZATIONAL_UNIT_NAME, token.id.hex())]
        name = x509.Name([x509.NameAttribute(oid, text) for oid, text in name])
        request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(self.tls, hashes.SHA256())
        return request.public_bytes(Encoding.PEM).decode()

    def entering(self, token):
        seal_key = self.receives.public_key().public_bytes_raw()
        tls_key = sha256(self.tls.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
        network = token.network.encode()
        # What will stand in the enrolment, in the device's own words: records/enrolment.proto.
        said = [bytes([SUITE, len(network)]), network, token.union.to_bytes(8, "big"), self.device, b"\0", seal_key]
        said += [tls_key, bytes(32), bytes([len(token.id)]), token.id]
        message = join_pb2.Entering(
            token=token.id,
            network=token.network,
            union=token.union,
            device=self.device,
            tls=self.request(token),
            seal_key=seal_key,
            algorithms=SUITE,
            attestation=self.signing.sign(b"huiliu/device-keys/1" + b"".join(said)),
        )
        message.__setattr__("pass", hmac.digest(token.secret, b"huiliu/token-pass/1" + token.id, "sha256"))
        return self.sign(b"huiliu/join/1", message.SerializeToString())


def name_of_hub(union):
    serial, code = divmod(union, 1_000_000)
    return f"hub-{code:06}-{serial:03}.huiliu.internal" if serial else f"hub-{code:06}.huiliu.internal"


def key_hash(certificate):
    return sha256(certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def authority_of(token):
    """Of the certificates the hub shows, the one whose key has the token's pin. It alone is trusted: whatever else is
    shown, the line that is used afterwards is checked against it."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    host, port = token.address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=10) as line:
        with context.wrap_socket(line, server_hostname=name_of_hub(token.hub)) as tls:
            # Public from Python 3.13 on.
            shown = getattr(tls, "get_unverified_chain", None) or tls._sslobj.get_unverified_chain
            ders = [c if isinstance(c, bytes) else c.public_bytes(2) for c in shown()]
    for certificate in map(x509.load_der_x509_certificate, ders):
        if key_hash(certificate)[:16] == token.pin:
            return certificate.public_bytes(Encoding.PEM)
    sys.exit("this is not the hub that the token names")


def channel(token, authority, key=None, chain=None):
    credentials = grpc.ssl_channel_credentials(authority, key, chain)
    options = [("grpc.ssl_target_name_override", name_of_hub(token.hub))]
    return grpc.secure_channel(token.address, credentials, options)


def join(machine, token):
    authority = authority_of(token)
    with channel(token, authority) as line:
        stub = join_pb2_grpc.JoinStub(line)
        joined = stub.Enter(join_pb2.EnterRequest(entering=machine.entering(token)), timeout=10)
    root = x509.load_pem_x509_certificate(joined.root_certificate.encode())
    network = token.network.encode()
    fingerprint = sha256(b"huiliu/root/1", len(network).to_bytes(4, "big"), network, joined.root, key_hash(root))[:20]
    assert joined.network == token.network and fingerprint == token.root, "another network"
    chain = x509.load_pem_x509_certificates(joined.tls.encode())
    for below, above in zip(chain, chain[1:] + [root]):
        below.verify_directly_issued_by(above)
    assert chain[0].public_key() == machine.tls.public_key()
    key = machine.tls.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return joined, channel(token, authority, key, joined.tls.encode())


# ---- Feeds -----------------------------------------------------------------------------------------------------------


def leaf(operation):
    payload = operation.destroyed or sha256(bytes([len(operation.salt)]), operation.salt, operation.payload)
    return sha256(b"\0", operation.header, payload)


def root(leaves):
    """RFC 9162, 2.1.1."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256()
    left = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1", root(leaves[:left]), root(leaves[left:]))


def checked(signed, domain, device, message):
    """What was signed, once the signature was checked. The bytes are kept as they came."""
    ed25519.Ed25519PublicKey.from_public_bytes(device).verify(signed.signature, domain + signed.message)
    message.ParseFromString(signed.message)
    return message


@dataclass
class Feed:
    header: bytes
    operations: list = field(default_factory=list)
    head: object = None

    def __post_init__(self):
        self.id = sha256(b"huiliu/feed/1", self.header)[:16]
        self.said = feed_pb2.FeedHeader.FromString(self.header)
        self.leaves = []

    @property
    def size(self):
        return len(self.operations)

    def add(self, operations, signed):
        """Takes operations that lead to the root that the feed's device signed, and no others."""
        head = checked(signed, b"huiliu/tree-head/1", self.said.device, feed_pb2.TreeHead())
        leaves = self.leaves + [leaf(o) for o in operations]
        assert head.feed == self.id and head.size == len(leaves) and head.root == root(leaves)
        self.operations += operations
        self.leaves, self.head, self.signed = leaves, head, signed

    def entry(self):
        """As it counts in a frontier digest: sync.proto."""
        return b"".join([self.id, self.size.to_bytes(8, "big"), self.head.root, self.head.time.to_bytes(8, "big")])


def own_feed(machine, token):
    header = feed_pb2.FeedHeader(network=token.network, union=token.union, device=machine.device, algorithms=SUITE)
    header.reach = 2  # Up to the provincial union: what the kind of a work log line says.
    return Feed(header.SerializeToString())


def record_id(machine, now):
    """A UUIDv8: milliseconds, a counter, and a tag of the device and of this start of the program: feed.proto."""
    tag = bytearray(sha256(b"huiliu/record-id/1", machine.device)[:4])
    tag[0] = tag[0] & 0x3F | 0x80
    return now.to_bytes(6, "big") + b"\x80\0" + bytes(tag) + os.urandom(4)


def write(machine, feed, kind, record):
    now = int(time.time() * 1000)
    header = feed_pb2.OperationHeader(kind=kind, record=record_id(machine, now))
    operation = feed_pb2.Operation(header=header.SerializeToString(), payload=record.SerializeToString())
    leaves = feed.leaves + [leaf(operation)]
    head = feed_pb2.TreeHead(feed=feed.id, size=len(leaves), root=root(leaves), time=now, algorithms=SUITE)
    feed.add([operation], machine.sign(b"huiliu/tree-head/1", head.SerializeToString()))
    return header.record


# ---- The exchange ----------------------------------------------------------------------------------------------------


class Exchange:
    """One exchange, as the lower end: sync.proto. `feeds` are those shared with the hub, by id."""

    def __init__(self, machine, token, feeds):
        self.machine, self.token, self.feeds = machine, token, feeds
        self.receipts, self.refused, self.sent = [], [], queue.Queue()

    def digest(self, union=None):
        shared = [f for _, f in sorted(self.feeds.items()) if union in (None, f.said.union)]
        return sha256(*(feed.entry() for feed in shared))

    def say(self, **frame):
        self.sent.put(sync_pb2.Frame(**frame))

    def run(self, line):
        self.say(
            hello=sync_pb2.Hello(
                oldest=2, newest=2, network=self.token.network, union=self.token.union, device=self.machine.device,
                digest=self.digest(), receipts=sha256(),
            )
        )
        heard = sync_pb2_grpc.SyncStub(line).Exchange(iter(self.sent.get, None), timeout=60)
        self.heard = (getattr(frame, frame.WhichOneof("frame")) for frame in heard if self.not_goodbye(frame))
        hello = next(self.heard)
        assert hello.newest >= 2 >= hello.oldest and hello.network == self.token.network
        if hello.digest != self.digest() or hello.receipts != sha256():
            self.compare(awaiting=hello.receipts != sha256())
        self.say(goodbye=sync_pb2.Goodbye(reason=sync_pb2.FAREWELL_DONE))
        self.sent.put(None)
        # News may still be on its way: the next exchange brings it. The hub closes the stream, so both know it ended well.
        list(self.heard)

    @staticmethod
    def not_goodbye(frame):
        said = frame.goodbye
        if frame.WhichOneof("frame") == "goodbye" and said.reason != sync_pb2.FAREWELL_DONE:
            sys.exit(f"the hub ended the exchange: {said.reason} {said.detail}")
        return frame.WhichOneof("frame") != "goodbye"

    def pages(self, kind):
        """The pages of a list; what else may come before the last is dealt with."""
        while True:
            page = next(self.heard)
            if isinstance(page, kind):
                yield page
                if not page.more:
                    return
            else:
                self.take(page)

    def compare(self, awaiting):
        self.awaiting, self.expected, self.unacknowledged = awaiting, {}, 0
        ours = {u: self.digest(u)[:16] for u in sorted({f.said.union for f in self.feeds.values()})}
        groups = [sync_pb2.Group(union=u, digest=d) for u, d in ours.items()]
        self.say(groups=sync_pb2.Groups(groups=groups))
        theirs = {g.union: g.digest for page in self.pages(sync_pb2.Groups) for g in page.groups}
        differ = [u for u in sorted(ours.keys() | theirs.keys()) if ours.get(u) != theirs.get(u)]
        mine = [f for f in self.feeds.values() if f.said.union in differ]
        states = [sync_pb2.State(feed=f.id, size=f.size, root=f.head.root, time=f.head.time) for f in mine]
        self.say(states=sync_pb2.States(unions=differ, states=states))
        held = {}
        for page in self.pages(sync_pb2.States):
            held.update({s.feed: s.size for s in page.states})
        for feed in mine:
            if held.get(feed.id, 0) < feed.size:
                self.offer(feed, held.get(feed.id, 0))
        have = {id: feed.size for id, feed in self.feeds.items()}
        self.expected = {id: size for id, size in held.items() if size > have.get(id, 0)}
        while self.awaiting or self.unacknowledged or any(self.size(id) < size for id, size in self.expected.items()):
            self.take(next(self.heard))

    def size(self, id):
        return self.feeds[id].size if id in self.feeds else 0

    def offer(self, feed, first):
        segment = feed_pb2.Segment(operations=feed.operations[first:]).SerializeToString()
        segment = zstandard.ZstdCompressor().compress(segment)
        count = feed.size - first
        batch = sync_pb2.Batch(feed=feed.id, header=feed.header, first=first, count=count, head=feed.signed)
        batch.segment = segment
        self.unacknowledged += 1
        self.say(batch=batch)

    def take(self, frame):
        if isinstance(frame, sync_pb2.Batch):
            feed = self.feeds.setdefault(frame.feed, Feed(frame.header)) if frame.header else self.feeds[frame.feed]
            packed = zstandard.ZstdDecompressor().decompress(frame.segment, max_output_size=8 << 20) if frame.count else b""
            operations = feed_pb2.Segment.FromString(packed).operations
            # Sent from where this machine said it stood, and nothing is forgotten between: no part comes twice here.
            assert feed.id == frame.feed and frame.first == feed.size and len(operations) == frame.count
            feed.add(list(operations), frame.head)
            self.say(ack=sync_pb2.Ack(feed=feed.id, size=feed.size))
        elif isinstance(frame, sync_pb2.Ack):
            self.unacknowledged -= 1
            if frame.refused:
                self.refused.append(f"{sync_pb2.Refusal.Name(frame.refused)}: {frame.detail}")
            elif frame.HasField("receipt"):
                self.keep(frame.receipt)
        elif isinstance(frame, sync_pb2.Receipts):
            for receipt in frame.receipts:
                self.keep(receipt)
            self.awaiting = self.awaiting and frame.more

    def keep(self, signed):
        """A receipt names the hub that signed it; whether that device is a hub of that union, enrolments say."""
        named = feed_pb2.Receipt.FromString(signed.message)
        receipt = checked(signed, b"huiliu/receipt/1", named.device, feed_pb2.Receipt())
        feed = self.feeds.get(receipt.feed)
        if feed and receipt.size <= feed.size:
            assert receipt.root == root(feed.leaves[: receipt.size]), "signed for something else"
            self.receipts.append(receipt)


def main(proto_directory, text):
    global join_pb2, join_pb2_grpc, feed_pb2, sync_pb2, sync_pb2_grpc
    join_pb2, join_pb2_grpc, feed_pb2, sync_pb2, sync_pb2_grpc, work_entry_pb2 = generated(proto_directory)
    token, machine = read_token(text), Machine()
    joined, line = join(machine, token)
    feed = own_feed(machine, token)
    record = work_entry_pb2.WorkEntry(
        mediator=os.urandom(16), duty=work_entry_pb2.BARGAINING, subtype=work_entry_pb2.SESSION_GUIDED,
        done_on=20_000, guided=3, place="测试", mandate="企业工会委托", summary="现场指导",
    )
    id = write(machine, feed, 9, record)
    with line:
        exchange = Exchange(machine, token, {feed.id: feed})
        exchange.run(line)
        again = Exchange(machine, token, exchange.feeds)
        again.run(line)
    ours = [r for r in exchange.receipts + again.receipts if r.feed == feed.id and r.device == joined.parent_device]
    said = {
        "device": machine.device.hex(),
        "record": id.hex(),
        "receipts": [{"union": r.union, "size": r.size} for r in ours],
        "refused": exchange.refused + again.refused,
        "down": [{"union": f.said.union, "operations": f.size} for f in exchange.feeds.values() if f.id != feed.id],
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
