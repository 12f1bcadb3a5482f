from engine.domain.commands import StopSpread
from tests.support.quote_run import QuoteRun
def test_it():
    run = QuoteRun().start()
    orders = run.resting()
    for o in orders: print(o.intent.name, o.intent.side, o.intent.price, o.intent.size, o.intent.expiration_s, o.intent.leg, o.intent.resend_until_ms-run.at_ms)
    print(run.later(1000).refreshed())
    for e in run.hit(orders[0], 40): print(e)
    print(run.told(StopSpread()))
    print([e for e in run.effects[-6:]])
