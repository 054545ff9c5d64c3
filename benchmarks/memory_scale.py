"""How recall grows: `python benchmarks/memory_scale.py [--messages 10000 100000]`, on generated chats in a temporary data home.

Prints for each size the seconds to index, the megabytes on disk and in memory, and p50 and p95 of questions, with and without a limit to
one person and year. Milliseconds are processor time of this process, which other work on the machine does not stretch.
"""

import argparse
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from clone_agent.archive import Archive
from clone_agent.records import ChatKind, Conversation, Kind, Message, Scope
from memory.recall import MemoryIndex

START = datetime(2018, 1, 1, 8, tzinfo=UTC)
CHATS = 20
WORDS = """
黄山 西湖 火锅 面馆 地铁 加班 周末 电影 机票 高铁 房租 押金 体检 感冒 猫粮 相机 键盘 考试 论文 面试 婚礼 红包
快递 外卖 健身 游泳 爬山 露营 帐篷 咖啡 奶茶 生日 蛋糕 礼物 医院 牙医 台风 下雨 太阳 吉他 合唱 排练 展览 照片
视频 群里 老师 同学 老板 客户 方案 合同 发票 银行 密码 手机 充电 电脑 显卡 游戏 足球 篮球 羽毛球
""".split()  # noqa: SIM905  # shorter than a list
FRAMES = (
    "{0}那边{1}了没",
    "我{0}的时候看到{1}",
    "{0}和{1}哪个好",
    "明天{0} 记得{1}",
    "哈哈哈{0}太{1}了",
    "{0}花了{2}块",
    "{2}号{0} {1}",
    "好的",
    "嗯嗯",
    "在{0}等你",
)


def messages(count: int) -> Iterator[Conversation | Message]:
    """Short bubbles in sessions of about twenty, spread over years."""
    rng = random.Random(1)
    chats = [Conversation(id=f"qq:{n}", platform="qq", name=f"朋友{n}", kind=ChatKind.PRIVATE, owner="1") for n in range(CHATS)]
    yield from chats
    step = timedelta(days=6 * 365) * CHATS / count
    for number in range(count):
        chat = chats[number * CHATS // count]
        moment = START + step * (number % (count // CHATS) // 20 * 20) + timedelta(seconds=40 * (number % 20))
        text = rng.choice(FRAMES).format(rng.choice(WORDS), rng.choice(WORDS), rng.randrange(1, 400))
        sender = "1" if rng.random() < 0.5 else chat.id[3:] + "00"
        yield Message(
            id=f"{chat.id}/{number}",
            conversation=chat.id,
            sender=sender,
            sender_name=f"名{sender}",
            sent_at=moment,
            kind=Kind.TEXT,
            text=text,
        )


def memory_mb() -> float:
    """The most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(count: int, questions: int, reranker: str) -> str:
    """One table row."""
    with tempfile.TemporaryDirectory() as folder, Archive.open(Path(folder), create=True) as archive:
        archive.add(messages(count))
        memory = MemoryIndex.open(Path(folder), archive, reranker=reranker)
        started = time.process_time()
        report = memory.index()
        processor_s = time.process_time() - started
        again = memory.index().seconds
        rng = random.Random(2)
        rows = []
        for scope in (Scope(), Scope(people=("名500",), after=START + timedelta(days=365), before=START + timedelta(days=730))):
            took = []
            for _ in range(questions):
                question = f"{rng.choice(WORDS)}{rng.choice(WORDS)}那次花了多少钱"
                started = time.process_time()
                memory.search(question, scope=scope, now=START + timedelta(days=2200))
                took.append(1000 * (time.process_time() - started))
            rows.append(f"{np.percentile(took[1:], 50):.0f} / {np.percentile(took[1:], 95):.0f}")
        memory.close()
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) / 1e6
    took = f"{report.seconds:.1f} | {processor_s:.1f} | {again:.2f}"
    return f"| {count:,} | {report.passages:,} | {took} | {size:.0f} | {memory_mb():.0f} | {rows[0]} | {rows[1]} |"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--messages", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--reranker", default="none", help="or shipped")
    arguments = parser.parse_args()
    heads = ("messages", "passages", "index, s", "processor, s", "again, s", "disk, MB", "peak memory, MB")
    print("|", " | ".join((*heads, "question p50 / p95, ms", "limited p50 / p95, ms")), "|")
    print("|" + "---|" * (len(heads) + 2))
    for count in arguments.messages:
        print(measure(count, arguments.questions, arguments.reranker), flush=True)


if __name__ == "__main__":
    main()
