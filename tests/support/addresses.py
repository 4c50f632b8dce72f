"""The ports, MPE zones and common instruments of a song, found event by event as the contract says."""

from collections.abc import Iterable
from typing import NamedTuple

from support.midi_parser import (
    CONTROL,
    META,
    PROGRAM,
    SYSEX,
    Event,
    ParsedSong,
    is_note_on,
    payload,
)

DEVICE_NAME, PORT_NUMBER = 0x09, 0x21
FIRST_DEVICE = 128
LOWER_MANAGER, UPPER_MANAGER = 0, 15


class Address(NamedTuple):
    """A port and a channel."""

    port: int
    channel: int


class Statement(NamedTuple):
    """The statement of a port by its number, or of a device by its name."""

    kind: int
    value: bytes


def statement_of(event: Event, has_number: bool) -> Statement | None:
    """Return what an event states of the port, None for most; after a number no device counts."""
    if event.status != META:
        return None
    kind, value = event.body[0], payload(event)
    if kind == PORT_NUMBER and len(value) == 1 and value[0] < 128:
        return Statement(kind, value)
    if kind == DEVICE_NAME and not has_number and any(byte > 0x20 for byte in value):
        return Statement(kind, value)
    return None


def statements_of(events: Iterable[Event]) -> list[Statement | None]:
    """Return what each event of a track states."""
    has_number = False
    statements = []
    for event in events:
        statement = statement_of(event, has_number)
        has_number |= statement is not None and statement.kind == PORT_NUMBER
        statements.append(statement)
    return statements


class Ports:
    """The ports of a song: ``numbers`` has that of every event, by track.

    A split may have fewer devices than its song, whose only device is no port: ``has_devices`` says whether
    those of its song are ports.
    """

    def __init__(self, song: ParsedSong, *, has_devices: bool | None = None) -> None:
        self.statements = [statements_of(track.events) for track in song.tracks]
        devices = dict.fromkeys(
            each for track in self.statements for each in track if each and each.kind == DEVICE_NAME
        )
        self.has_devices = len(devices) > 1 if has_devices is None else has_devices
        self._device_numbers = {
            each: FIRST_DEVICE + at if self.has_devices else 0 for at, each in enumerate(devices)
        }
        self.numbers: list[list[int]] = []
        for statements in self.statements:
            port, numbers = 0, []
            for statement in statements:
                if statement is not None:
                    port = self.number_of(statement)
                numbers.append(port)
            self.numbers.append(numbers)
        self.are_several = any(self.number_of(each) for track in self.statements for each in track if each)

    def number_of(self, statement: Statement) -> int:
        """Return the number of a port or device."""
        return statement.value[0] if statement.kind == PORT_NUMBER else self._device_numbers[statement]

    def statement_event(self, port: int, tick: int) -> Event:
        """Return a meta event that states a port."""
        for device, number in self._device_numbers.items():
            if number == port and number:
                return Event(tick, META, bytes([DEVICE_NAME, *_vlq(len(device.value))]) + device.value)
        return Event(tick, META, bytes([PORT_NUMBER, 1, port]))


def _vlq(value: int) -> list[int]:
    return [value] if value < 128 else [*(group | 128 for group in _vlq(value >> 7)), value & 127]


class ChannelState:
    """What has selected the sound of one channel so far."""

    def __init__(self) -> None:
        self.program: int | None = None
        self.banks = [0, 0]
        self.parameter = [127, 127]
        self.is_mono = False


class Sounds:
    """The sounds of all addresses, event by event: programs, MPE zones, mono mode."""

    def __init__(self) -> None:
        self._channels: dict[Address, ChannelState] = {}
        self._members: dict[tuple[int, int], int] = {}
        self.most_members: dict[tuple[int, int], int] = {}
        """Most members of the zone of each port and manager channel."""

    def of(self, address: Address) -> ChannelState:
        """Return the state of an address."""
        return self._channels.setdefault(address, ChannelState())

    def configures_zone(self, event: Event, address: Address) -> bool:
        """Return whether an event, which was applied, selects or sets the members of an MPE zone."""
        is_parameter = event.status & 0xF0 == CONTROL and event.body[0] in (6, 38, 96, 97, 100, 101)
        return is_parameter and self.of(address).parameter == [0, 6]

    def zone_members(self, port: int, manager: int) -> list[int]:
        """Return the channels that are members of a zone now."""
        return members(manager, self._members.get((port, manager), 0))

    def zone_of(self, address: Address) -> int | None:
        """Return the manager of the zone of an address."""
        for manager in (LOWER_MANAGER, UPPER_MANAGER):
            in_zone = self.zone_members(address.port, manager)
            if address.channel in in_zone or (in_zone and address.channel == manager):
                return manager
        return None

    def apply(self, event: Event, address: Address) -> None:
        """Apply a channel event."""
        kind = event.status & 0xF0
        together = [address.channel, *self.zone_members(address.port, address.channel)]
        states = [self.of(Address(address.port, channel)) for channel in together]
        if kind == PROGRAM:
            for state in states:
                state.program = event.body[0]
        elif kind == CONTROL:
            number, value = event.body
            if number in (0, 32):
                for state in states:
                    state.banks[number // 32] = value
            elif number in (100, 101):
                states[0].parameter[101 - number] = value
            elif number in (98, 99, 121):
                states[0].parameter = [127, 127]
            elif number in (126, 127):
                states[0].is_mono = number == 126
            elif number == 6 and states[0].parameter == [0, 6]:
                self._set_zone(address, min(value, 15))

    def _set_zone(self, address: Address, count: int) -> None:
        port, manager = address
        if manager not in (LOWER_MANAGER, UPPER_MANAGER):
            return
        self._members[port, manager] = count
        self.most_members[port, manager] = max(count, self.most_members.get((port, manager), 0))
        other = (port, UPPER_MANAGER - manager)
        if count:
            self._members[other] = min(self._members.get(other, 0), max(0, 14 - count))
            chosen = self.of(address)
            for channel in self.zone_members(port, manager) if chosen.program is not None else ():
                member = self.of(Address(port, channel))
                member.program, member.banks = chosen.program, [*chosen.banks]


def members(manager: int, count: int) -> list[int]:
    """Return the channels of so many members."""
    if manager not in (LOWER_MANAGER, UPPER_MANAGER) or not count:
        return []
    return list(range(1, count + 1)) if manager == LOWER_MANAGER else list(range(15 - count, 15))


class TrackUse:
    """What a track plays: its addresses, their MPE zones, and whether all of them are one instrument."""

    def __init__(self, events: list[Event], ports: list[int]) -> None:
        self.zones: dict[Address, int | None] = {}
        self._keys: set[tuple[Address, int | None]] = set()
        self._plays_mono: dict[Address, bool] = {}
        self._first_banks: dict[Address, list[int]] = {}
        self._has_drums = False
        self._sounds = Sounds()
        for event, port in zip(events, ports, strict=True):
            if event.status < SYSEX:
                address = Address(port, event.status & 15)
                self._sounds.apply(event, address)
                if is_note_on(event):
                    self._count_note(address)

    def _count_note(self, address: Address) -> None:
        state = self._sounds.of(address)
        zone = self._sounds.zone_of(address)
        key = (address, state.program)
        if key in self._keys:
            return
        self._keys.add(key)
        if address not in self.zones:
            self.zones[address] = zone
            self._plays_mono[address] = state.is_mono
            self._first_banks[address] = [*state.banks]
            self._has_drums |= address.channel == 9 or state.banks[0] in (120, 126, 127)
        else:
            self._plays_mono[address] &= state.is_mono
            if self.zones[address] != zone:
                self.zones[address] = None

    @property
    def addresses(self) -> list[Address]:
        """Return the addresses on which the track plays, in order."""
        return sorted(self.zones)

    def program_of(self, addresses: Iterable[Address]) -> int | None:
        """Return the program of all notes of some addresses; None if there is not exactly one."""
        chosen = set(addresses)
        programs = {program for address, program in self._keys if address in chosen}
        return programs.pop() if len(programs) == 1 else None

    def manages(self, manager: Address, address: Address) -> bool:
        """Return whether an address is a member of the zone that another manages at some time."""
        count = self._sounds.most_members.get((manager.port, manager.channel), 0)
        return manager.port == address.port and address.channel in members(manager.channel, count)

    def manager_of_silent(self, address: Address) -> int | None:
        """Return the manager of the zone that an address without notes is in, the lower first."""
        managers = (LOWER_MANAGER, UPPER_MANAGER)
        return next((it for it in managers if self.manages(Address(address.port, it), address)), None)

    def manages_any(self, manager: Address) -> bool:
        """Return whether an address manages others on which the track plays."""
        return any(self.manages(manager, each) for each in self.zones)

    def concerns(self, address: Address) -> bool:
        """Return whether the track plays on an address, or on members that it manages."""
        return address in self.zones or self.manages_any(address)

    def instruments(self) -> list[list[Address]]:
        """Return the addresses of each instrument."""
        groups: dict[tuple[int, int], list[Address]] = {}
        for address in self.addresses:
            zone = self.zones[address]
            groups.setdefault((address.port, 100 + zone) if zone is not None else address, []).append(address)
        return list(groups.values())

    @property
    def is_one_instrument(self) -> bool:
        """Return whether all addresses are one guitar or bass, or in mono mode."""
        program = self.program_of(self.zones)
        banks = [*self._first_banks.values()]
        return all(self._plays_mono.values()) or (
            len(banks) >= 3
            and program in range(24, 40)
            and not self._has_drums
            and all(bank == banks[0] for bank in banks)
        )
