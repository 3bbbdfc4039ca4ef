"""The set's side: what it has learnt, what it wants now, and what it sends, by the router's plan without amendments."""

from __future__ import annotations

from typing import NamedTuple

from titan.backtest.sweep.orders import (
    ACCEPTED,
    CANCELLING,
    FILLED,
    FREE,
    OPEN,
    SENT,
    Desk,
    Integers,
    at_turn,
    first_slot,
    request,
)
from titan.model.contract import Quotes
from titan.strategy.quoting import layer_step_ticks, layer_ticks, minimum_edge, round_inside, ticks_below

MOST_LAYERS = 10


class Sheet(NamedTuple):
    """What a set wants on each side, best first, and the slots it has there; written over in each step."""

    price: Integers  # (2, MOST_LAYERS): buys, sells
    lots: Integers
    wanted: Integers  # (2,): how many
    place_from: Integers  # (2,): the first of those that are to be placed
    standing: Integers  # (2, slots): -1 in the place of one that stays
    lined_up: Integers  # (2,): how many
    asking: Integers  # (1,): the set whose turn it is


def learn(desk: Desk, k: int, now_ns: int) -> None:
    """Take in all answers that have arrived."""
    one = desk.sets[k]
    while one.answers_read < one.answers_sent:
        told = desk.answers[k, at_turn(one.answers_read, desk.answers.shape[1])]
        if told.arrival_ns > now_ns:
            return
        one.answers_read += 1
        order = desk.orders[k, told.slot]
        if told.kind == ACCEPTED:
            order.known = OPEN
        elif told.kind == FILLED:
            one.known_position += order.side * told.lots
            order.known_lots -= told.lots
            if order.known_lots == 0:
                order.known = FREE
        else:
            order.known = FREE


def note_wanted(
    wanted: Quotes,
    fee: float,
    edge_bps: float,
    bid: int,
    ask: int,
    tick_size: float,
    lot_size: float,
    sheet: Sheet,
) -> None:
    """Write down what is wanted: worth its fee and edge, off the touch, in whole ticks and whole lots."""
    quotes = minimum_edge(wanted, fee, edge_bps)
    prices = round_inside(quotes.bid, quotes.ask, bid, ask, tick_size)
    step = layer_step_ticks(quotes, tick_size)
    note_side(1, prices.bid_ticks, step, quotes.layers, ticks_below(quotes.bid_size, lot_size), sheet)
    note_side(-1, prices.ask_ticks, step, quotes.layers, ticks_below(quotes.ask_size, lot_size), sheet)


def note_side(side: int, first: int, step: int, layers: int, lots: int, sheet: Sheet) -> None:
    """Write down the layers of one side: those of `titan.strategy.quoting.ladder`, without its list."""
    row, count = 0 if side > 0 else 1, 0
    if lots > 0:
        for layer in range(min(layers, MOST_LAYERS)):
            price = layer_ticks(side, first, step, layer)
            if price > 0:
                sheet.price[row, count], sheet.lots[row, count] = price, lots
                count += 1
    sheet.wanted[row] = count


def plan_side(desk: Desk, k: int, side: int, sheet: Sheet) -> None:
    """Doom the orders that must go, and leave on the sheet what is to be placed: the router's plan for one side."""
    row = 0 if side > 0 else 1
    slots = sheet.standing[row]
    standing = line_up(desk, k, side, slots)
    wanted = 0
    for layer in range(sheet.wanted[row]):
        price, lots = sheet.price[row, layer], sheet.lots[row, layer]
        kept = -1
        for at in range(standing):
            if slots[at] >= 0 and stays(desk, k, slots[at], price, lots):
                kept = at
                break
        if kept >= 0:
            slots[kept] = -1
        else:
            sheet.price[row, wanted], sheet.lots[row, wanted] = price, lots
            wanted += 1
    left = 0
    for at in range(standing):
        if slots[at] >= 0:
            left += 1
            order = desk.orders[k, slots[at]]
            order.doomed = order.known == OPEN
    sheet.wanted[row] = wanted
    sheet.lined_up[row] = standing
    sheet.place_from[row] = left


def line_up(desk: Desk, k: int, side: int, standing: Integers) -> int:
    """Write down the slots that a set believes to be in use on a side, best first, then oldest; how many."""
    count = 0
    for slot in range(first_slot(side), desk.sets[k].used, 2):
        if desk.orders[k, slot].known == FREE:
            continue
        at = count
        while at > 0 and _goes_before(desk, k, slot, standing[at - 1], side):
            standing[at] = standing[at - 1]
            at -= 1
        standing[at] = slot
        count += 1
    return count


def _goes_before(desk: Desk, k: int, slot: int, other: int, side: int) -> bool:
    order, second = desk.orders[k, slot], desk.orders[k, other]
    nearer = side * (order.price - second.price)
    return bool(nearer > 0 or (nearer == 0 and order.serial < second.serial))


def stays(desk: Desk, k: int, slot: int, price: int, lots: int) -> bool:
    """Whether an order serves a quote as it stands."""
    order = desk.orders[k, slot]
    towards_market = (price - order.price) * order.side
    near = towards_market == 0 or 0 < towards_market < desk.sets[k].requote_ticks
    serves = lots >= order.known_lots and 2 * order.known_lots >= lots
    return bool(order.known == OPEN and near and serves)


def send_changes(desk: Desk, k: int, now_ns: int, sheet: Sheet) -> None:
    """Send the cancels, then the new orders; buys before sells, best first."""
    for row in range(2):
        for at in range(sheet.lined_up[row]):
            slot = sheet.standing[row, at]
            if slot < 0 or not desk.orders[k, slot].doomed:
                continue
            order = desk.orders[k, slot]
            order.doomed = False
            order.known = CANCELLING
            desk.sets[k].cancels += 1
            request(desk, k, slot, order.serial, False, now_ns)
    for row in range(2):
        for layer in range(sheet.place_from[row], sheet.wanted[row]):
            slot = take_slot(desk, k, 1 - 2 * row, sheet.price[row, layer], sheet.lots[row, layer])
            request(desk, k, slot, desk.orders[k, slot].serial, True, now_ns)


def take_slot(desk: Desk, k: int, side: int, price: int, lots: int) -> int:
    """Write a new order into the first free slot of its side; which one that is."""
    one, slot = desk.sets[k], first_slot(side)
    while desk.orders[k, slot].known != FREE:
        slot += 2
    one.used = max(one.used, slot + 1)
    order = desk.orders[k, slot]
    one.serial += 1
    one.placed += 1
    order.side = side
    order.price = price
    order.remaining = order.known_lots = lots
    order.serial = one.serial
    order.known = SENT
    return slot
