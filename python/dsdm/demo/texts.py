"""A short text of each target's kind: what the demonstration's scores measure likeness to."""

JEOPARDY = """
WORLD HISTORY: In 1455 this German printer finished his famous Bible. Answer: Johannes Gutenberg.
FAMOUS NAMES: He was the first president of the United States, and was elected in 1789. Answer: George Washington.
COUNTRIES: Its capital is Lisbon, and its language is Portuguese. Answer: Portugal.
PEOPLE: This Dutch author and programmer began the language Python in 1989. Answer: Guido van Rossum.
DATES: This month has 28 days, and in a leap year it has 29. Answer: February.
SCIENCE: In the year 1905 this physicist published four famous papers. Answer: Albert Einstein.
CITIES: The university of this city in Massachusetts was founded in 1636. Answer: Cambridge.
THE CALENDAR: Named after Julius Caesar, this calendar was replaced by the Gregorian in 1582. Answer: the Julian.
ORGANIZATIONS: This institute in Amsterdam, the Netherlands, was founded in 1946. Answer: the CWI.
"""

SQUAD = """
Passage: A copyright holder may grant a license to use, copy, modify and distribute the work. The license states the
terms and conditions under which the rights are granted. If the licensee does not comply with the terms, the license
ends automatically. Software that is provided "as is" comes without warranty of any kind, express or implied.
Question: Who may grant a license to use the work? Answer: The copyright holder.
Question: When does the license end automatically? Answer: If the licensee does not comply with the terms.
Question: What warranty does the software come with? Answer: None of any kind.
Passage: The agreement is between the organization and the individual or organization that uses the software. By
copying, installing or otherwise using it, the licensee agrees to be bound by the terms of the agreement.
Question: How does the licensee agree to be bound by the agreement? Answer: By copying, installing or using it.
"""

LAMBADA = """
She opened the door and looked into the room, and there he was, still at the table with the book before him. "You said
that you would go home," she told him. "I know what I said," he answered, "but I could not stop before the end." She
sat down beside him and for a while they said nothing. The night was quiet. "And how does it end?" she asked. He closed
the book and smiled. "I would never tell you that. You must read it." She laughed, took it from his hands, and put out
the light. In the morning he found her asleep in the chair, and in her hands lay the open book.
The old man had waited for them all day. When they came at last he did not ask where they had been. He gave them bread
and something warm to drink, and told them of the knights, of the king, and of the parrot that was no more.
"""

CS_ALGORITHMS = """
Given a sequence of brackets, is it balanced? Push each opening bracket on a stack, and pop the stack at a closing one.
The longest common subsequence of two strings is found by dynamic programming over a table of their prefixes.
A heap is a binary tree in an array in which a parent is never larger than its children: heap[k] <= heap[2*k+1]. Push
and pop take logarithmic time; the smallest item is always at heap[0]. A priority queue is a heap of entries.
Binary search finds where to insert an item into a sorted list by halving the range: lo and hi meet at the index.
A topological sort of a directed graph orders its nodes so that every edge goes forward; a cycle makes it impossible.
Sort the list by key; a stable sort keeps the order of equal elements. Insert, delete, search and compare elements of
the tree; a node has a left and a right child. The matching blocks of two sequences give the edit operations.
"""

GENERAL = """
This module provides functions and classes for the programs that people write every day. The documentation describes
what each of them does, which arguments it takes and what it returns. Most users need only a few of them. The text is
plain prose in English, with complete sentences, of the kind found in books, articles and good pages of the web. It
explains why something is so, gives an example, and says what to do when something goes wrong. For more about the
history of the language and of its community, see the other pages of the documentation.
"""

TARGET_TEXTS = {
    "jeopardy": JEOPARDY,
    "squad": SQUAD,
    "lambada": LAMBADA,
    "cs_algorithms": CS_ALGORITHMS,
    "lm_task_mix": JEOPARDY + SQUAD + LAMBADA,
    "gpt3_mix": GENERAL + SQUAD + LAMBADA,
}
"""One text per target task."""
