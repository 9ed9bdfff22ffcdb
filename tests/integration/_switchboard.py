"""A bare Asterisk with phones, a trunk, a native queue and CEL: plain Dial() and Queue(), no Stasis, no Gudok."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.integration._bare_pbx import BarePbx

PHONES = tuple(str(number) for number in range(101, 113))
PASSWORD = "only-for-this-test"
# The columns that telephony.pbx.cel reads, in its order.
CEL_COLUMNS = (
    "eventtype", "eventtime", "CHANNEL(uniqueid)", "CHANNEL(linkedid)", "CHANNEL(channame)", "CALLERID(num)",
    "CHANNEL(exten)", "CHANNEL(context)", "CHANNEL(appname)", "CHANNEL(appdata)", "CHANNEL(peer)",
    "CHANNEL(userfield)", "eventextra",
)  # fmt: skip

MORE_MODULES = (
    "app_dial", "app_stack", "cel_custom", "func_cdr", "res_cdrel_custom", "bridge_native_rtp",
    "res_pjsip_refer", "res_pjsip_pubsub", "res_pjsip_header_funcs", "res_pjsip_rfc3326",
    "res_pjsip_dtmf_info", "res_pjsip_nat", "chan_bridge_media", "app_senddtmf", "app_userevent", "app_read",
    "func_math", "func_db",
)  # fmt: skip

EXTENSIONS = """
[phones]
exten => _1[0-2]X,1,Set(CHANNEL(userfield)=${CHANNEL(pjsip,call-id)})
 same => n,Dial(PJSIP/${EXTEN},20,b(leg^s^1))
exten => _1[34]XX,1,Goto(service,${EXTEN},1)

[service]
exten => 1300,1,Set(CHANNEL(userfield)=${CHANNEL(pjsip,call-id)})
 same => n,Answer(,i)
 same => n,Queue(first,b(leg^s^1),,,60)
 same => n,Hangup()
exten => 1400,1,Answer(,i)
 same => n,Wait(30)
exten => 1401,1,Answer(,i)
 same => n,Read(DIGITS,,4,,,10)
 same => n,Set(GLOBAL(DIALED)=${DIGITS})
 same => n,Hangup()
exten => _1[0-2]X,1,Set(CHANNEL(userfield)=${CHANNEL(pjsip,call-id)})
 same => n,Dial(PJSIP/${EXTEN},20,b(leg^s^1))

[leg]
exten => s,1,Set(PJSIP_HEADER(add,X-Gudok-Call)=${CHANNEL(linkedid)})
 same => n,Return()
"""


@dataclass
class Switchboard(BarePbx):
    """Phones 101-112 with PASSWORD; service 1300 is a queue of whoever of 105-108 is registered; 1400 is silence for
    30 s; 1401 reads four digits into the global variable DIALED; anybody on loopback is the trunk."""

    @property
    def cel_file(self) -> Path:
        return self.home / "log" / "cel-custom" / "gudok.csv"

    @property
    def server(self) -> tuple[str, int]:
        return ("127.0.0.1", self.sip_port)

    def configuration(self) -> Mapping[str, str]:
        (self.home / "log" / "cel-custom").mkdir(parents=True, exist_ok=True)
        files = dict(super().configuration())
        columns = ",".join(f"${{CSV_QUOTE(${{{name}}})}}" for name in CEL_COLUMNS)
        return files | {
            "asterisk.conf": files["asterisk.conf"] + "systemname=gudok\n",
            "modules.conf": files["modules.conf"] + "".join(f"load={name}.so\n" for name in MORE_MODULES),
            "extensions.conf": EXTENSIONS,
            "rtp.conf": "[general]\nrtpstart=21000\nrtpend=22999\n",
            "queues.conf": "[first]\nstrategy=leastrecent\nautofill=yes\nringinuse=no\ntimeout=15\nretry=0\n"
            + "".join(f"member => PJSIP/{phone}\n" for phone in PHONES[4:8]),
            "cel.conf": "[general]\nenable=yes\napps=stasis,queue,dial\nevents=CHAN_START,CHAN_END,ANSWER,HANGUP,"
            "BRIDGE_ENTER,BRIDGE_EXIT,APP_START,APP_END,LINKEDID_END,BLINDTRANSFER,ATTENDEDTRANSFER\n",
            "cel_custom.conf": f"[mappings]\ngudok.csv => {columns}\n",
            "pjsip.conf": "[global]\nendpoint_identifier_order=username,ip\n"
            f"[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:{self.sip_port}\n"
            "[trunk]\ntype=endpoint\ncontext=service\nallow=!all,alaw,ulaw\ndirect_media=no\n"
            "[trunk]\ntype=identify\nendpoint=trunk\nmatch=127.0.0.1\n" + "".join(map(_phone, PHONES)),
        }


def _phone(phone: str) -> str:
    return (
        f"[{phone}]\ntype=endpoint\ncontext=phones\nallow=!all,alaw,ulaw\nauth={phone}\naors={phone}\n"
        f"direct_media=no\ncallerid={phone} <{phone}>\n"
        f"[{phone}]\ntype=auth\nauth_type=userpass\nusername={phone}\npassword={PASSWORD}\n"
        f"[{phone}]\ntype=aor\nmax_contacts=1\nremove_existing=yes\n"
    )
