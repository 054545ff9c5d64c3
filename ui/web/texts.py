"""Every label of the browser chat, in Chinese and English.

Labels that never change go to the browser as a table (`labels`), which picks the browser's language. What the server writes (`say`) follows
the request's `Accept-Language`.
"""

from clone_agent.records import Kind

LANGUAGES = ("zh", "en")

_TEXTS: dict[str, tuple[str, str]] = {
    # key: (Chinese, English)
    "chat": ("聊天", "Chat"),
    "compare": ("对比", "Compare"),
    "ask_here": ("说点什么，或者问一件过去的事……", "Say something, or ask about the past…"),
    "ask_both": ("问一个问题，左右两边同时回答", "One question, answered on both sides at once"),
    "send": ("发送", "Send"),
    "stop": ("停", "Stop"),
    "again": ("清空", "Clear"),
    "use_memory": ("用上记忆", "Use memory"),
    "tuned": ("只有微调", "Tuned only"),
    "tuned_memory": ("微调＋记忆", "Tuned + memory"),
    "base": ("基础模型", "Base model"),
    "base_memory": ("基础模型＋记忆", "Base model + memory"),
    "server": ("服务器模型", "Server’s model"),
    "server_memory": ("服务器模型＋记忆", "Server’s model + memory"),
    "memories": ("记忆", "Memories"),
    "find_memory": ("找一条记忆：说说是什么事", "Find a memory: what is it about?"),
    "find": ("找", "Find"),
    "memories_empty": (
        "分身记得的事都在这里：找一条，看看它前后说了什么，\n记错了可以更正，也可以让它忘掉。",
        "What the clone remembers: find a memory, see what stood around it,\nput it right, or have it forgotten.",
    ),
    "memory_found": ("找到的记忆，点一条看前后", "Found; choose one to see what stood around it"),
    "memory_none": ("没有找到。", "Nothing was found."),
    "memory_forget": ("忘掉这条", "Forget this one"),
    "memory_sure": ("确认忘掉", "Yes, forget it"),
    "memory_right": ("应该是……（写下真实的情况）", "What is true instead…"),
    "memory_correct": ("更正", "Correct"),
    "vote": ("盲投", "Blind vote"),
    "ask_vote": ("问一个问题，两个分身不署名回答", "One question, answered by two without their names"),
    "vote_first": ("甲更好", "A is better"),
    "vote_same": ("差不多", "No difference"),
    "vote_second": ("乙更好", "B is better"),
    "side_first": ("甲", "A"),
    "side_second": ("乙", "B"),
    "against": ("{one} 对 {other}", "{one} against {other}"),
    "vote_empty": (
        "两个分身，哪边是谁先不说。\n投了票就揭晓，来源也跟着出现。",
        "Two clones; which is which stays hidden.\nYour vote tells, and shows the sources.",
    ),
    "better_mark": ("{kind}　✓", "{kind}  ✓"),
    "no_votes": ("{one} 对 {other}：还没有票。", "{one} against {other}: no votes yet."),
    "tally": (
        "{one} 胜 {wins} 票，{other} 胜 {losses} 票，差不多 {same} 票。",
        "{one} was better {wins} times, {other} {losses} times, no difference {same} times.",
    ),
    "tally_share": (
        "分出高下的票里{one}占 {share}，95 % 区间 {low} 到 {high}{doubt}。",
        "Of the decided votes {share} are for {one}, 95 % interval {low} to {high}{doubt}.",
    ),
    "undecided": ("，还看不出谁更好", ", so nobody is ahead yet"),
    "ai_label": ("AI 生成，非本人", "AI-generated, not the person"),
    "heading": ("{name}的分身", "{name}’s clone"),
    "spoken_by": ("模型：{model}", "Model: {model}"),
    "today": ("这里的今天是 {date}", "Today is taken to be {date}"),
    "recalling": ("回忆中……", "Remembering…"),
    "waiting": ("等一下……", "One moment…"),
    "thinking": ("正在输入……", "Typing…"),
    "sources": ("{count} 条来源", "Sources: {count}"),
    "nothing_recalled": ("没有找到相关的聊天记录", "Nothing about this in the chats"),
    "nothing_fits": ("找到的聊天记录里没有答案", "What was found in the chats does not answer this"),
    "source": ("{date} · {person}", "{date} · {person}"),
    "gone": ("这条消息已经不在了。", "This message is no longer there."),
    "failed": ("这次没能回答", "No answer this time"),
    "not_kept": ("这句没能记下来", "This could not be kept"),
    "taken_out": ("这段对话里说到它的地方也拿掉了。", "What this talk held of it is gone from here, too."),
    "crowded": ("现在排队的人太多，过一会儿再问。", "Too many are waiting; ask again in a moment."),
    "fault": ("程序出了错，终端里写了出错的位置。请再试一次。", "The program failed; the terminal says where. Please try again."),
    "empty_question": ("先写点什么吧。", "Write something first."),
    "chat_empty_title": ("跟{name}的分身聊聊", "Talk with {name}’s clone"),
    "chat_empty": (
        "像平时一样说话，或者问一件过去的事：\n"
        "去年国庆我们去哪了？　我们是哪天认识的？\n"
        "回答下面可以展开来源：哪一天、谁说的、前后说了什么。",
        "Talk as usual, or ask about the past:\n"
        "Where did we go last October?　Which day did we meet?\n"
        "Unfold the sources below a reply: which day, who said it, what stood around it.",
    ),
    "compare_empty_tuned": ("学会了说话的样子，什么也没记住。", "Has learned the tone, remembers nothing."),
    "compare_empty_memory": ("说话的样子相同，回答之前先翻一翻聊天记录。", "The same tone, but looks through the chats first."),
    "do_tune": ("还没有微调，现在说话的是基础模型。学会你的口气：", "Nothing is tuned yet; the base model speaks. To teach it your tone:"),
    "do_retune": (
        "微调用过的一些聊天后来被你要求忘掉，它可能还记得。重新微调：",
        "Its tuning saw chats that you have had forgotten since. To tune anew:",
    ),
    "do_index": ("记忆还没有建立，问过去的事只会说不记得。建立记忆：", "There is no memory index yet. To build it:"),
    "do_reindex": ("有新的聊天还没进记忆。更新：", "Some chats are not in the memory yet. To renew it:"),
    "login_guest": (
        "这里是一个 AI 分身，回答由 AI 生成，并非本人。填邀请你的人给的名字和密码。",
        "An AI clone; what it says is generated, not said by the person. Enter the name and the password that you were given.",
    ),
    "guest_empty": (
        "这是一个 AI 分身，说的话由 AI 生成，不是本人说的。\n你说的话不会被存下来，只记下你说过几次话。",
        "This is an AI clone; what it says is generated, not said by the person.\nWhat you say is not kept, only how often you spoke.",
    ),
    "guest_closed": ("这个邀请已经结束了。", "This invitation has ended."),
    "guest_limit": ("歇一会儿吧：十分钟里最多说 {messages} 句。", "Take a break: at most {messages} messages in ten minutes."),
    "guest_long": ("太长了，最多 {longest} 个字。", "Too long: at most {longest} characters."),
    "login": (
        "这里是一个 AI 分身，回答由 AI 生成，并非本人。名字随便填。",
        "An AI clone; what it says is generated, not said by the person. Any user name will do.",
    ),
}
_KINDS: dict[Kind, tuple[str, str]] = {
    Kind.TEXT: ("文字", "text"),
    Kind.REPLY: ("回复", "reply"),
    Kind.IMAGE: ("图片", "image"),
    Kind.STICKER: ("表情", "sticker"),
    Kind.VOICE: ("语音", "voice"),
    Kind.VIDEO: ("视频", "video"),
    Kind.FILE: ("文件", "file"),
    Kind.CARD: ("卡片", "card"),
    Kind.FORWARD: ("转发", "forwarded"),
    Kind.CALL: ("通话", "call"),
    Kind.RED_PACKET: ("红包", "red packet"),
    Kind.TRANSFER: ("转账", "transfer"),
    Kind.LOCATION: ("位置", "location"),
    Kind.SYSTEM: ("系统消息", "system"),
    Kind.RECALL: ("撤回", "recalled"),
    Kind.UNKNOWN: ("其他", "other"),
}


def say(language: str, key: str, **values: object) -> str:
    """A text in one language with its blanks filled in. Not escaped."""
    return _TEXTS[key][LANGUAGES.index(language)].format(**values)


def kind_label(language: str, kind: Kind) -> str:
    """What stands for a message without words: `[图片]`."""
    return f"[{_KINDS[kind][LANGUAGES.index(language)]}]"


def labels(language: str) -> dict[str, str]:
    """The whole table of one language, for the browser to choose from."""
    return {key: pair[LANGUAGES.index(language)] for key, pair in _TEXTS.items()}


def language_of(accepted: str | None) -> str:
    """The language of a request's `Accept-Language`: Chinese when it is wanted first, else English."""
    first = (accepted or "").split(",")[0].strip().lower()
    return "zh" if first.startswith("zh") else "en"
