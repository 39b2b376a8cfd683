"""Ends of orders, as the contract has them, or by hand where a build has no such call yet."""


def take_back(instance, sale_id, order_id, token):
    """Cancels an order. Returns True if it is cancelled."""
    answer = instance.call("POST", f"/orders/{order_id}/cancel", {}, token, timeout_s=5)
    if answer.status != 404:
        return answer.status == 200
    return cancel_by_hand(instance, sale_id, order_id)


def cancel_by_hand(instance, sale_id, order_id):
    """The transaction that a cancellation is: the state by compare-and-set, the ledger, the stock, the release box."""
    rid = "decode ('%s', 'hex')" % order_id.replace("-", "")
    rows = instance.sql(
        f"SELECT 1 FROM sale WHERE sale_id = {int(sale_id)} FOR UPDATE;"
        " WITH moved AS (UPDATE orders SET status = 4, changed_us = clock_us (), actor = 'by hand',"
        f" final_epoch = (SELECT epoch FROM sale WHERE sale_id = {int(sale_id)})"
        f" WHERE rid = {rid} AND sale_id = {int(sale_id)} AND status = 2 RETURNING sale_id, rid, quantity),"
        " returned AS (INSERT INTO ledger SELECT sale_id, rid, 'RETURN', quantity, clock_us () FROM moved),"
        " counted AS (UPDATE sale_sku k SET sold = k.sold - m.quantity FROM moved m WHERE k.sale_id = m.sale_id),"
        " boxed AS (INSERT INTO release_box (sale_id, rid, units) SELECT sale_id, rid, quantity FROM moved)"
        " SELECT 'moved' FROM moved")
    return ["moved"] in rows
