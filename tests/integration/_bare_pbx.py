"""A bare private Asterisk for the tests of the PBX clients: no trunks, its own folder, random loopback ports.

Its few extensions park a Local channel, enter a Stasis application or call an AGI server; it loads only the
modules these tests need, so it is up in about a second.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from telephony.pbx.install import ensure
from telephony.testing.ports import free_port, free_ports

MODULES = """
res_speech res_pjsip_pubsub app_stasis app_queue app_playback app_senddtmf app_exec app_verbose res_agi pbx_config
bridge_builtin_features bridge_holding bridge_simple bridge_softmix chan_pjsip func_callerid func_channel
func_global func_logic func_strings func_timeout func_pjsip_contact func_devstate codec_ulaw codec_alaw
format_pcm format_wav res_musiconhold res_timing_timerfd res_http_websocket res_websocket_client
res_stasis res_stasis_answer res_stasis_device_state res_stasis_playback res_stasis_recording
res_stasis_snoop res_ari res_ari_model res_ari_applications res_ari_asterisk res_ari_bridges
res_ari_channels res_ari_device_states res_ari_endpoints res_ari_events res_ari_playbacks
res_ari_recordings res_manager_devicestate res_sorcery_astdb res_sorcery_config res_sorcery_memory
res_pjproject res_pjsip res_pjsip_session res_pjsip_outbound_authenticator_digest
res_pjsip_authenticator_digest res_pjsip_caller_id res_pjsip_endpoint_identifier_ip
res_pjsip_endpoint_identifier_user res_pjsip_registrar res_rtp_asterisk res_pjsip_sdp_rtp
"""

EXTENSIONS = """
[globals]
[bare]
exten => park,1,Answer()
 same => n,Wait(30)
exten => keys,1,Answer()
 same => n(again),SendDTMF(5)
 same => n,Wait(0.2)
 same => n,Goto(again)
exten => early,1,Wait(30)
exten => stasis,1,Stasis({app},from-dialplan)
 same => n,Set(GLOBAL(AFTER_STASIS)=${{STASISSTATUS}})
exten => queue,1,Answer()
 same => n,Queue(help,,,,20)
exten => agi,1,Answer()
 same => n,Set(AGIEXITONHANGUP=yes)
 same => n,AGI(agi://127.0.0.1:${{AGI_PORT}}/login,3001,"a b")
 same => n,Stasis({app},asked)
"""


@dataclass
class BarePbx:
    """One private Asterisk; `start` it, use its ports, `stop` or `kill` it, `start` it again."""

    app: str = "bare"
    home: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="bare-pbx-")))
    user: str = "tester"
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    http_port: int = field(init=False)
    ami_port: int = field(init=False)
    sip_port: int = field(init=False)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.http_port, self.ami_port, self.sip_port = free_ports(3)
        self.asterisk = ensure("asterisk")["asterisk"]
        for name in ("etc", "lib", "db", "keys", "spool", "run", "log", "agi"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        for name, text in self.configuration().items():
            (self.home / "etc" / name).write_text(text)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def conf(self) -> Path:
        return self.home / "etc" / "asterisk.conf"

    def configuration(self) -> Mapping[str, str]:
        """Every file of etc/, by name."""
        folders = {
            "astetcdir": "etc", "astvarlibdir": "lib", "astdbdir": "db", "astkeydir": "keys",
            "astspooldir": "spool", "astrundir": "run", "astlogdir": "log", "astagidir": "agi",
        }  # fmt: skip
        lines = [f"{name} => {self.home / folder}" for name, folder in folders.items()]
        lines += [f"astmoddir => {self.asterisk.module_dir}", f"astdatadir => {self.asterisk.data_dir}"]
        modules = "".join(f"load={name}.so\n" for name in MODULES.split())
        write = "write=all\nread=all\ndeny=0.0.0.0/0.0.0.0\npermit=127.0.0.1/255.255.255.255\n"
        return {
            "asterisk.conf": "[directories]\n" + "\n".join(lines) + "\n[options]\nnocolor=yes\n",
            "modules.conf": "[modules]\nautoload=no\n" + modules,
            "http.conf": f"[general]\nenabled=yes\nbindaddr=127.0.0.1\nbindport={self.http_port}\n",
            "ari.conf": (
                "[general]\nenabled=yes\nwebsocket_write_timeout=5000\nchannelvars=TOKEN\n"
                f"[{self.user}]\ntype=user\npassword={self.password}\n"
                f"[reader]\ntype=user\nread_only=yes\npassword={self.password}\n"
            ),
            "manager.conf": (
                f"[general]\nenabled=yes\nbindaddr=127.0.0.1\nport={self.ami_port}\n"
                f"[{self.user}]\nsecret={self.password}\n{write}"
            ),
            "extensions.conf": EXTENSIONS.format(app=self.app),
            "queues.conf": "[general]\npersistentmembers=no\n[help]\nstrategy=leastrecent\njoinempty=yes\n",
            "musiconhold.conf": f"[default]\nmode=files\ndirectory={self.asterisk.music_dir}\n",
            "rtp.conf": "[general]\nrtpstart=20000\nrtpend=20100\n",
            "logger.conf": "[general]\n[logfiles]\nfull => notice,warning,error,verbose(3)\n",
            "stasis.conf": "",
            "pjsip.conf": (
                f"[udp]\ntype=transport\nprotocol=udp\nbind=127.0.0.1:{self.sip_port}\n"
                "[3001]\ntype=endpoint\ncontext=bare\ndisallow=all\nallow=ulaw\naors=3001\n"
                "[3001]\ntype=aor\nmax_contacts=1\nqualify_frequency=0\n"
                f"contact=sip:3001@127.0.0.1:{free_port()}\n"
                "[3002]\ntype=endpoint\ncontext=bare\ndisallow=all\nallow=ulaw\naors=3002\n"
                "[3002]\ntype=aor\nmax_contacts=1\n"
            ),
            "agi.conf": "", "cel.conf": "", "cdr.conf": "[general]\nenable=no\n", "features.conf": "",
            "udptl.conf": "", "indications.conf": "[general]\ncountry=us\n", "acl.conf": "", "ccss.conf": "",
            "websocket_client.conf": "", "pjproject.conf": "", "sorcery.conf": "",
        }  # fmt: skip

    def start(self, patience: float = 20.0) -> BarePbx:
        """Start and wait until Asterisk says it has fully booted."""
        self.process = subprocess.Popen(
            [*self.asterisk.argv, "-C", str(self.conf), "-f"],
            env={**os.environ, **self.asterisk.env},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"Asterisk ended at start, see {self.home / 'log' / 'full'}")
            if "fully booted" in self.console("core waitfullybooted").lower():
                return self
        raise TimeoutError("Asterisk did not boot in time")

    def console(self, command: str) -> str:
        """What the Asterisk console answers to `command`."""
        done = subprocess.run(
            [*self.asterisk.argv, "-C", str(self.conf), "-rx", command],
            env={**os.environ, **self.asterisk.env}, capture_output=True, text=True, timeout=15, check=False,
        )  # fmt: skip
        return done.stdout

    async def rx(self, command: str) -> str:
        """`console`, off the event loop."""
        return await asyncio.to_thread(self.console, command)

    def freeze(self) -> None:
        """Asterisk stands still, its sockets stay open. It is asked to at once, but its threads go on for a moment."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOWAIT)

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """It stands still, and goes on afterwards."""
        self.freeze()
        assert self.process is not None
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Asterisk dies at once, as in a power cut."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Asterisk ends in order; its folder goes away."""
        self._end(signal.SIGTERM)
        shutil.rmtree(self.home, ignore_errors=True)

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.process = None
