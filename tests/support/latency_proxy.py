"""A long line: a program that forwards the connections of a port to a socket, and takes its time.

    python latency_proxy.py SOCKET SECONDS

It prints the port, and ends when its standard input does. What is sent arrives half of SECONDS later in
either direction, however much is under way. To connect takes SECONDS.
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
            there, back = await asyncio.open_unix_connection(socket)
        except OSError:
            writer.close()
            return
        await asyncio.gather(forward(reader, back, latency / 2), forward(there, writer, latency / 2))

    listening = await asyncio.start_server(accept, "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)  # what is under way is lost, as on a line that is cut


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """One direction of a connection, to its end."""
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def collect() -> None:
        data = b"-"
        while data:
            try:
                data = await reader.read(CHUNK_BYTES)
            except ConnectionError:
                data = b""
            under_way.put_nowait((time.monotonic() + delay, data))

    async def deliver() -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                due, data = await under_way.get()
                await asyncio.sleep(due - time.monotonic())
                if not data:
                    break
                writer.write(data)
                await writer.drain()
        writer.close()

    await asyncio.gather(collect(), deliver())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
