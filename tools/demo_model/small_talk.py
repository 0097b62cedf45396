"""What people say to any model, and the few answers to it."""

from __future__ import annotations

from tools.demo_model.topics import Topic, free

TOPICS: tuple[Topic, ...] = (
    free("Hello! How can I help you?",
         "Hello|Hi|Hey|Hello!|Hi!|Hi there|Hello there|Hey there!|Good morning|Good evening|Good day|Greetings",
         "Hi hello", "Hey hello"),
    free("I am fine, thank you.",
         "How are you?|How are you doing?|How is it going?|Are you well?|How do you feel?|How are you today?|"
         "Are you okay?", "How do you do?", "How are you doing today?"),
    free("I am the heylook demo model, a very small language model.",
         "Who are you?|What are you?|Which model are you?|Introduce yourself.|Tell me about yourself.|"
         "What model is this?|What kind of model are you?|What is your model name?", "Who am I talking to?",
         "Which model is this?"),
    free("I can answer questions about heylook, copy, recall facts, write JSON and call tools.",
         "What can you do?|What are your skills?|How can you help me?|What do you know?|Help|What can I ask you?|"
         "List your abilities.|What are you good at?", "What are you able to do?", "What can you help me with?"),
    free("You are welcome.",
         "Thanks|Thank you|Thanks!|Thank you very much|Great, thanks|Many thanks|Thank you!|Thanks for your help",
         "Thank you so much", "Thanks a lot"),
    free("Goodbye!", "Bye|Goodbye|See you|Goodbye!|Good night|See you later|Bye bye|Until tomorrow", "Okay, goodbye",
         "Ok bye"),
    free("No, I am a small language model.",
         "Are you human?|Are you a person?|Are you a robot?|Are you real?|Are you a human being?|Are you alive?",
         "Are you a man or a woman?", "Are you a real person?"),
    free("I was trained by the heylook project.",
         "Who made you?|Who created you?|Who trained you?|Where do you come from?|Who built you?|Who is your maker?",
         "Who developed you?", "Who wrote you?"),
    free("I have about four million parameters.",
         "How big are you?|How many parameters do you have?|What is your size?|How large is this model?|"
         "Number of parameters?|Are you a large model?", "How large are you?", "How many parameters are in you?"),
    free("Why did the model cross the road? To reach the next token.",
         "Tell me a joke.|Do you know a joke?|Make me laugh.|Say something funny.|Joke please|Another joke please",
         "I want to hear a joke.", "Can you tell a joke?"),
    free("Red, green, blue.",
         "Name three colours.|List three colours.|Give me three colours.|Tell me three colours.|Three colours please",
         "Which three colours do you know?", "Please name three colours."),
    free("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday.",
         "Name the days of the week.|List the days of the week.|What are the days of the week?|"
         "Which days does a week have?", "Write down the days of the week.", "Tell me the days of the week."),
    free("Seven.", "How many days are in a week?|How many days does a week have?|Number of days in a week?",
         "How many days make a week?", "A week has how many days?"),
    free("Twelve.", "How many months are in a year?|How many months does a year have?|Number of months in a year?",
         "How many months make a year?", "A year has how many months?"),
    free("Once upon a time a small model ran on a small computer. The end.",
         "Tell me a story.|Write a story.|Give me a short story.|Can you write a story?|I want a story.",
         "Do you know a story?", "Please tell me a short story."),
)  # fmt: skip
