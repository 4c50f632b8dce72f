"""A slow network: a program that forwards connections from a port to a Unix socket, with a delay.

    python latency_proxy.py SOCKET SECONDS

It prints the port, and ends when its standard input does. Data arrives half of SECONDS later in either
direction, however much is in transit. A connection takes SECONDS to open.
"""

import asyncio
import contextlib
import os
import sys
import time

CHUNK_BYTES = 1 << 16


async def main(socket: str, latency: float) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(latency)
        try:
            upstream, downstream = await asyncio.open_unix_connection(socket)
        except OSError:
            writer.close()
            return
        await asyncio.gather(forward(reader, downstream, latency / 2), forward(upstream, writer, latency / 2))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)  # data in transit is lost, as when a cable is cut


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Forward one direction of a connection until it ends."""
    in_transit: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def collect() -> None:
        data = b"-"
        while data:
            try:
                data = await reader.read(CHUNK_BYTES)
            except ConnectionError:
                data = b""
            in_transit.put_nowait((time.monotonic() + delay, data))

    async def deliver() -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                due, data = await in_transit.get()
                await asyncio.sleep(due - time.monotonic())
                if not data:
                    break
                writer.write(data)
                await writer.drain()
        writer.close()

    await asyncio.gather(collect(), deliver())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
