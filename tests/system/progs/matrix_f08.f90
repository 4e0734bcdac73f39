! SPDX-License-Identifier: BSD-3-Clause
!
! matrix_f08.f90 - matrix_publish.c, matrix_ulfm.c and matrix_solve.c in Fortran:
!
!     matrix_f08 publish FOLDER | ulfm FOLDER N | solve FOLDER
!
! What they do and why is said there; what they tell the test, in matrix_record.h.
!
module matrix_record
    use, intrinsic :: iso_c_binding
    use, intrinsic :: iso_fortran_env, only: error_unit
    implicit none
    integer, parameter :: RANKS_MAX = 16, LIVES_MAX = 64, END_S = 150
    character(:), allocatable :: folder
    integer :: life_unit, my_rank = -1

    interface
        integer(c_int) function getpid() bind(C)
            import
        end function
        integer(c_int) function alarm(s) bind(C)
            import
            integer(c_int), value :: s
        end function
        integer(c_int) function usleep(us) bind(C)
            import
            integer(c_int), value :: us
        end function
        integer(c_int) function gethostname(name, n) bind(C)
            import
            character(kind=c_char), intent(out) :: name(*)
            integer(c_size_t), value :: n
        end function
        subroutine end_at_once(code) bind(C, name='_exit')
            import
            integer(c_int), value :: code
        end subroutine
    end interface

contains

    function word(i) result(text)
        integer, intent(in) :: i
        character(:), allocatable :: text
        integer :: n

        call get_command_argument(i, length=n)
        allocate (character(n) :: text)
        call get_command_argument(i, text)
    end function

    ! Returns the how-manieth process of its rank this is.
    integer function record_begin(rank) result(life)
        integer, intent(in) :: rank
        character(len=16) :: numbers
        character(kind=c_char) :: chars(256)
        character(len=256) :: node
        integer :: failed, i, unused

        my_rank = rank
        unused = alarm(int(END_S, c_int))
        failed = 1
        do life = 0, LIVES_MAX - 1
            write (numbers, '(i0,a,i0)') rank, '.', life
            open (newunit=life_unit, file=folder//'/life.'//trim(numbers), status='new', action='write', &
                iostat=failed)
            if (failed == 0) exit
        end do
        if (failed /= 0) call record_fail('its record cannot be made', rank, life)
        unused = gethostname(chars, 256_c_size_t)
        node = ''
        do i = 1, 255
            if (chars(i) == c_null_char) exit
            node(i:i) = chars(i)
        end do
        write (life_unit, '(a,1x,i0)') trim(node), getpid()
        flush (life_unit)
    end function

    subroutine record_step(step)
        integer, intent(in) :: step

        write (life_unit, '(i0)') step
        flush (life_unit)
    end subroutine

    subroutine record_pause()
        integer :: unused

        unused = usleep(2000_c_int)
    end subroutine

    logical function end_wanted()
        inquire (file=folder//'/end', exist=end_wanted)
    end function

    subroutine record_fail(what, a, b)
        character(*), intent(in) :: what
        integer, intent(in) :: a, b

        write (error_unit, '(a,i0,3a,i0,a,i0,a)') 'rank ', my_rank, ': ', what, ' (', a, ', ', b, ')'
        flush (error_unit)
        call end_at_once(3_c_int)
    end subroutine

    subroutine say_right(n)
        integer, intent(in) :: n

        print '(a,i0,a)', 'all ', n, ' ranks are right'
    end subroutine
end module

module matrix_publish
    use mpi_f08
    use matrix_record
    implicit none
    integer, parameter :: TAG_STEP = 1, TAG_ECHO = 2, TAG_END = 3, TAG_GOODBYE = 4
    integer :: rank, ranks
    integer :: heard(3, 0:RANKS_MAX - 1) = 0 ! of each, the last: rank, life, step

contains

    subroutine take(echo, status)
        integer, intent(in) :: echo(3)
        type(MPI_Status), intent(in) :: status
        integer :: from

        from = status%MPI_SOURCE
        if (echo(1) /= from) call record_fail('the status names another sender', echo(1), from)
        if (echo(2) < heard(2, from)) call record_fail('a replaced process was heard', echo(1), echo(2))
        if (echo(2) == heard(2, from) .and. echo(3) <= heard(3, from)) &
            call record_fail('steps came back out of order', heard(3, from), echo(3))
        heard(:, from) = echo
    end subroutine

    subroutine take_echoes()
        integer :: echo(3)
        type(MPI_Status) :: status
        logical :: is_there

        do
            call MPI_Iprobe(MPI_ANY_SOURCE, TAG_ECHO, MPI_COMM_WORLD, is_there, status)
            if (.not. is_there) exit
            call MPI_Recv(echo, 3, MPI_INTEGER, MPI_ANY_SOURCE, TAG_ECHO, MPI_COMM_WORLD, status)
            call take(echo, status)
        end do
    end subroutine

    subroutine take_goodbye(from)
        integer, intent(in) :: from
        integer :: echo(3)
        type(MPI_Status) :: status

        do
            call MPI_Recv(echo, 3, MPI_INTEGER, from, MPI_ANY_TAG, MPI_COMM_WORLD, status)
            if (status%MPI_TAG == TAG_GOODBYE) exit
            call take(echo, status)
        end do
    end subroutine

    subroutine publish()
        integer :: step, to

        step = 0
        do while (.not. end_wanted())
            step = step + 1
            do to = 1, ranks - 1
                call MPI_Send(step, 1, MPI_INTEGER, to, TAG_STEP, MPI_COMM_WORLD)
            end do
            call take_echoes()
            call record_step(step)
            call record_pause()
        end do
        do to = 1, ranks - 1
            call MPI_Send(step, 1, MPI_INTEGER, to, TAG_END, MPI_COMM_WORLD)
        end do
        do to = 1, ranks - 1
            call take_goodbye(to)
        end do
        call say_right(ranks)
    end subroutine

    subroutine subscribe(life)
        integer, intent(in) :: life
        integer :: echo(3), step
        type(MPI_Status) :: status

        echo = [rank, life, 0]
        do
            call MPI_Recv(step, 1, MPI_INTEGER, 0, MPI_ANY_TAG, MPI_COMM_WORLD, status)
            if (status%MPI_TAG == TAG_END) exit
            if (echo(3) > 0 .and. step /= echo(3) + 1) &
                call record_fail('a step did not come after the one before', step, echo(3))
            echo(3) = step
            call MPI_Send(echo, 3, MPI_INTEGER, 0, TAG_ECHO, MPI_COMM_WORLD)
            call record_step(step)
        end do
        call MPI_Send(echo, 3, MPI_INTEGER, 0, TAG_GOODBYE, MPI_COMM_WORLD)
    end subroutine

    subroutine run_publish()
        integer :: life

        call MPI_Init()
        call MPI_Comm_rank(MPI_COMM_WORLD, rank)
        call MPI_Comm_size(MPI_COMM_WORLD, ranks)
        life = record_begin(rank)
        if (rank == 0) then
            call publish()
        else
            call subscribe(life)
        end if
        call MPI_Finalize()
    end subroutine
end module

module matrix_ulfm
    use mpi_f08
    use mpi_f08_ext
    use matrix_record
    implicit none
    integer, parameter :: TAG_END = 1, MODULUS = 1000003, PROCESSES_MAX = 64, TRIES_MAX = 64
    integer, parameter :: GO_ON = 0, DONE = 1, FAILED = 2

    type :: state_t
        integer :: step = -1 ! none yet
        integer :: values(0:RANKS_MAX - 1) = 0
    end type
    type(state_t) :: now, before
    integer :: n, rank = -1 ! -1: a spare
    integer :: processes_n, ranks(0:PROCESSES_MAX - 1) ! in the pool
    type(MPI_Comm) :: pool, active

contains

    integer function next_value(state, of) result(next)
        type(state_t), intent(in) :: state
        integer, intent(in) :: of

        next = mod(3*state%values(mod(of + n - 1, n)) + 5*state%values(of) + 7*state%values(mod(of + 1, n)), MODULUS)
    end function

    subroutine begin_state(state)
        type(state_t), intent(out) :: state
        integer :: r

        state%step = 0
        state%values = 0
        state%values(0:n - 1) = [(r + 1, r=0, n - 1)]
    end subroutine

    subroutine check_result()
        type(state_t) :: wanted, next
        integer :: r, step

        call begin_state(wanted)
        do step = 1, now%step
            next = wanted
            do r = 0, n - 1
                next%values(r) = next_value(wanted, r)
            end do
            wanted = next
        end do
        do r = 0, n - 1
            if (wanted%values(r) /= now%values(r)) &
                call record_fail('a wrong result', now%values(r), wanted%values(r))
        end do
    end subroutine

    subroutine give_ranks()
        integer :: r, at, spare

        do r = 0, n - 1
            spare = -1
            do at = 0, processes_n - 1
                if (ranks(at) == r) exit
                if (ranks(at) < 0 .and. spare < 0) spare = at
            end do
            if (at < processes_n) cycle
            if (spare < 0) call record_fail('no spare is left', r, processes_n)
            ranks(spare) = r
        end do
    end subroutine

    logical function join()
        integer :: me, mine, flag, rc, colour, unused
        type(MPI_Comm) :: made

        made = MPI_COMM_NULL
        mine = rank
        call MPI_Comm_size(pool, processes_n)
        call MPI_Comm_rank(pool, me)
        call MPI_Allgather(rank, 1, MPI_INTEGER, ranks, 1, MPI_INTEGER, pool, rc)
        if (rc == MPI_SUCCESS) then
            call give_ranks()
            mine = ranks(me)
            colour = merge(MPI_UNDEFINED, 0, mine < 0)
            call MPI_Comm_split(pool, colour, mine, made, rc)
        end if
        flag = merge(1, 0, rc == MPI_SUCCESS)
        if (flag == 0) call MPIX_Comm_revoke(pool, rc) ! or others would wait in there for us
        call MPIX_Comm_agree(pool, flag, rc)
        join = rc == MPI_SUCCESS .and. flag == 1
        if (.not. join) then
            if (made /= MPI_COMM_NULL) call MPI_Comm_free(made)
            return
        end if
        if (mine /= rank) unused = record_begin(mine)
        rank = mine
        active = made
    end function

    subroutine shrink_pool()
        type(MPI_Comm) :: less
        integer :: rc

        if (active /= MPI_COMM_NULL) then
            call MPIX_Comm_revoke(active, rc)
            call MPI_Comm_free(active, rc)
        end if
        call MPIX_Comm_revoke(pool, rc)
        call MPIX_Comm_shrink(pool, less, rc)
        if (rc /= MPI_SUCCESS) return ! it is tried again
        if (pool /= MPI_COMM_WORLD) call MPI_Comm_free(pool, rc)
        pool = less
    end subroutine

    logical function go_back()
        integer :: mine(2), least(2), rc, numbers(0:RANKS_MAX)

        go_back = .false.
        mine = [merge(huge(1), now%step, now%step < 0), rank]
        call MPI_Allreduce(mine, least, 1, MPI_2INTEGER, MPI_MINLOC, active, rc)
        if (rc /= MPI_SUCCESS) return
        if (now%step > least(1)) then
            numbers = [before%step, before%values]
        else
            numbers = [now%step, now%values]
        end if
        call MPI_Bcast(numbers, size(numbers), MPI_INTEGER, least(2), active, rc)
        if (rc /= MPI_SUCCESS) return
        now%step = numbers(0)
        now%values = numbers(1:)
        go_back = .true.
    end function

    integer function do_step() result(outcome)
        integer :: mine(2), all(2, 0:RANKS_MAX - 1), revoked, rc

        outcome = FAILED
        mine = [next_value(now, rank), 0]
        if (rank == 0 .and. end_wanted()) mine(2) = 1
        call MPIX_Comm_is_revoked(pool, revoked, rc)
        if (rc /= MPI_SUCCESS .or. revoked /= 0) return ! a spare is lost
        call MPI_Allgather(mine, 2, MPI_INTEGER, all, 2, MPI_INTEGER, active, rc)
        if (rc /= MPI_SUCCESS) return
        outcome = DONE
        if (all(2, 0) == 1) return
        before = now
        now%step = now%step + 1
        now%values(0:n - 1) = all(1, 0:n - 1)
        call record_step(now%step)
        call record_pause()
        outcome = GO_ON
    end function

    logical function compute()
        integer :: outcome, flag, rc

        outcome = merge(GO_ON, FAILED, go_back())
        do while (outcome == GO_ON)
            outcome = do_step()
        end do
        if (outcome == FAILED) call MPIX_Comm_revoke(active, rc)
        flag = merge(1, 0, outcome == DONE)
        call MPIX_Comm_agree(active, flag, rc)
        compute = rc == MPI_SUCCESS .and. flag == 1
    end function

    logical function wait_as_spare()
        integer :: rc, nothing(1)

        call MPI_Recv(nothing, 0, MPI_INTEGER, MPI_ANY_SOURCE, TAG_END, pool, MPI_STATUS_IGNORE, rc)
        wait_as_spare = rc == MPI_SUCCESS
    end function

    subroutine dismiss_spares()
        integer :: to, rc, nothing(1)

        do to = 0, processes_n - 1
            if (ranks(to) < 0) call MPI_Send(nothing, 0, MPI_INTEGER, to, TAG_END, pool, rc)
        end do
    end subroutine

    subroutine run_ulfm()
        integer :: tries, unused
        logical :: is_done
        character(:), allocatable :: number

        call MPI_Init()
        pool = MPI_COMM_WORLD
        active = MPI_COMM_NULL
        call MPI_Comm_set_errhandler(pool, MPI_ERRORS_RETURN) ! what is made from it inherits that
        call MPI_Comm_rank(pool, rank)
        number = word(3)
        read (number, *) n
        if (rank < n) then
            call begin_state(now)
            unused = record_begin(rank)
        else
            rank = -1
        end if
        is_done = .false.
        do tries = 0, TRIES_MAX
            if (tries == TRIES_MAX) call record_fail('it did not get mended', tries, rank)
            if (tries > 0) call shrink_pool()
            if (.not. join()) cycle
            if (rank < 0) then
                is_done = wait_as_spare()
            else
                is_done = compute()
            end if
            if (is_done) exit
        end do
        if (rank >= 0) call check_result()
        if (rank == 0) then
            call dismiss_spares()
            call say_right(n)
        end if
        call MPI_Finalize()
    end subroutine
end module

module matrix_solve
    use mpi_f08
    use ftmpi
    use matrix_record
    implicit none
    integer(c_int64_t), parameter :: MODULUS = 1000003
    integer :: rank, ranks
    type(MPI_Comm) :: ring
    integer(c_int64_t), asynchronous, save :: state(2) = 0 ! step, value

contains

    integer(c_int64_t) function next_value(left, own, right, total)
        integer(c_int64_t), intent(in) :: left, own, right, total

        next_value = mod(3*left + 5*own + 7*right + total, MODULUS)
    end function

    subroutine check_result()
        integer(c_int64_t) :: now(0:RANKS_MAX - 1), next(0:RANKS_MAX - 1)
        integer :: r, step

        now = 0
        next = 0
        now(0:ranks - 1) = [(r + 1, r=0, ranks - 1)]
        do step = 1, int(state(1))
            do r = 0, ranks - 1
                next(r) = next_value(now(mod(r + ranks - 1, ranks)), now(r), now(mod(r + 1, ranks)), sum(now))
            end do
            now = next
        end do
        if (now(rank) /= state(2)) call record_fail('a wrong result', int(state(2)), int(now(rank)))
    end subroutine

    logical function do_step() result(is_more)
        integer(c_int64_t) :: mine(2), all(2), left, right
        integer :: before, after, rc

        is_more = .false.
        mine = [state(2), 0_c_int64_t]
        if (rank == 0 .and. end_wanted()) mine(2) = 1
        call MPI_Cart_shift(ring, 0, 1, before, after)
        call MPI_Sendrecv(state(2), 1, MPI_INTEGER8, after, 1, left, 1, MPI_INTEGER8, before, 1, ring, &
            MPI_STATUS_IGNORE)
        call MPI_Sendrecv(state(2), 1, MPI_INTEGER8, before, 2, right, 1, MPI_INTEGER8, after, 2, ring, &
            MPI_STATUS_IGNORE)
        call FTMPI_Commit_wait(FT_FOREVER, rc)
        call MPI_Allreduce(mine, all, 2, MPI_INTEGER8, MPI_SUM, MPI_COMM_WORLD)
        if (all(2) /= 0) return
        state = [state(1) + 1, next_value(left, state(2), right, all(1))]
        call FTMPI_Commit(int(state(1)), rc)
        call record_step(int(state(1)))
        call record_pause()
        is_more = .true.
    end function

    subroutine solve(repair, ierror)
        type(FTMPI_Repair_t), intent(in) :: repair
        integer, intent(inout) :: ierror
        integer :: version, rc

        if (repair%rank /= rank .or. repair%world_n /= ranks) &
            call record_fail('the world is another', repair%rank, repair%world_n)
        rc = MPI_ERR_OTHER
        if (repair%repairs > 0) call FTMPI_Fetch_common(20000, version, rc)
        if (rc /= MPI_SUCCESS) then
            state = [0_c_int64_t, int(rank + 1, c_int64_t)]
        else if (version /= state(1)) then
            call record_fail('another version''s state', version, int(state(1)))
        end if
        do while (do_step())
        end do
        ierror = MPI_SUCCESS
    end subroutine

    subroutine run_solve()
        integer :: unused, rc

        call MPI_Init()
        call MPI_Comm_rank(MPI_COMM_WORLD, rank)
        call MPI_Comm_size(MPI_COMM_WORLD, ranks)
        unused = record_begin(rank)
        call MPI_Cart_create(MPI_COMM_WORLD, 1, [ranks], [.true.], .false., ring)
        call FTMPI_Keep('state', state, rc)
        call FTMPI_Loop(solve, rc)
        if (rc /= MPI_SUCCESS) call record_fail('the loop returned something else', rc, 0)
        call check_result()
        if (rank == 0) call say_right(ranks)
        call MPI_Comm_free(ring)
        call MPI_Finalize()
    end subroutine
end module

program matrix_f08
    use matrix_record
    use matrix_publish, only: run_publish
    use matrix_ulfm, only: run_ulfm
    use matrix_solve, only: run_solve
    implicit none

    folder = word(2)
    select case (word(1))
    case ('publish')
        call run_publish()
    case ('ulfm')
        call run_ulfm()
    case ('solve')
        call run_solve()
    case default
        call record_fail('matrix_f08 publish|ulfm|solve FOLDER [N]', 0, 0)
    end select
end program
